/** A shop as React apps are: StrictMode, a router, a login, a page that redirects. */
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { createBrowserRouter, Link, Navigate, Outlet, RouterProvider } from "react-router";
import { Analytics, ProductCard } from "./react";

function Shop() {
  const [userId, setUserId] = useState();
  useEffect(() => {
    window.effects = (window.effects ?? 0) + 1;
  }, []);
  return (
    <>
      <Analytics userId={userId} />
      <Link id="product" to="/products/7">Rope</Link>
      <Link id="old" to="/basket">Basket</Link>
      <button id="login" onClick={() => setUserId("ada")}>Log in</button>
      <Outlet />
    </>
  );
}

const router = createBrowserRouter([
  {
    element: <Shop />,
    children: [
      { path: "/", element: <h1>Shop</h1> },
      { path: "/products/7", element: <ProductCard id="7" name="Rope" price={19.9} /> },
      { path: "/basket", element: <Navigate replace to="/cart" /> },
      { path: "/cart", element: <h1>Cart</h1> },
    ],
  },
]);

createRoot(document.getElementById("root")).render(
  <StrictMode>
    <RouterProvider router={router} />
  </StrictMode>,
);
