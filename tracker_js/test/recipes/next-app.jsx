/** What Next's App Router does with a layout: renders it on the server, hydrates the whole document, and changes the address itself. */
import { StrictMode } from "react";
import RootLayout from "./next-layout";

export const page = (
  <StrictMode>
    <RootLayout>
      <h1>Shop</h1>
    </RootLayout>
  </StrictMode>
);
