/** A shop as Vue apps are: a router, which replaces the state as it starts, a login, a page that redirects. */
import { createApp } from "vue";
import { createRouter, createWebHistory } from "vue-router";
import { analytics, useAriane } from "./vue";

const product = {
  template: `<article data-ariane-view="Product Viewed" data-ariane-product-id="7"><h1>Rope</h1><button id="add" @click="$ariane.track('Product Added', { product_id: '7' })">Add</button></article>`,
};
const shop = {
  setup() {
    const ariane = useAriane();
    return { login: () => ariane.identify("ada") };
  },
  template: `<RouterLink id="product" to="/products/7">Rope</RouterLink> <RouterLink id="old" to="/basket">Basket</RouterLink>
    <button id="login" @click="login">Log in</button><RouterView />`,
};
const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/", component: { template: "<h1>Shop</h1>" } },
    { path: "/products/7", component: product },
    { path: "/basket", redirect: "/cart" },
    { path: "/cart", component: { template: "<h1>Cart</h1>" } },
  ],
});

createApp(shop).use(router).use(analytics).mount("#root");
