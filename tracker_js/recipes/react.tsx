import { useEffect } from "react";
import { start } from "@ariane-cdp/tracker";

/** The tracker. Ask for it in handlers and effects, not while rendering: servers render, too. It starts once. */
export const ariane = () => start({ writeKey: "YOUR_WRITE_KEY", endpoint: "https://data.example.com/" });

/** Put it once into the app. Page views need nothing else: the tracker sees the router change the address. */
export function Analytics({ userId }: { userId?: string | undefined }) {
  useEffect(() => {
    // Once a login, not once a page: the tracker remembers who it is.
    ariane().ready(({ userId: known }) => {
      if (userId && userId !== known) ariane().identify(userId);
    });
  }, [userId]);
  return null;
}

/** Attributes tell what is seen, once a page view. An effect would tell it twice under StrictMode. */
export function ProductCard({ id, name, price }: { id: string; name: string; price: number }) {
  const added = () => ariane().track("Product Added", { product_id: id, name, price, quantity: 1, currency: "EUR" });
  return (
    <article data-ariane-view="Product Viewed" data-ariane-product-id={id} data-ariane-name={name} data-ariane-price={price} data-ariane-currency="EUR">
      <h1>{name}</h1>
      <button onClick={added}>Add to cart</button>
    </article>
  );
}
