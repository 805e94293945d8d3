import { inject, type App, type InjectionKey } from "vue";
import { start, type Ariane } from "@ariane-cdp/tracker";

const KEY: InjectionKey<Ariane> = Symbol("ariane");

/** `createApp(Shop).use(router).use(analytics)`, in the browser. Page views need nothing else: the tracker sees the router. */
export const analytics = {
  install(app: App) {
    const ariane = start({ writeKey: "YOUR_WRITE_KEY", endpoint: "https://data.example.com/" });
    app.provide(KEY, ariane);
    app.config.globalProperties.$ariane = ariane;
  },
};

/** In `setup`; templates have `$ariane`. */
export const useAriane = () => inject(KEY)!;

declare module "vue" {
  interface ComponentCustomProperties {
    $ariane: Ariane;
  }
}
