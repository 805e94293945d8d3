import type { ReactNode } from "react";

/** app/layout.tsx. The App Router changes the address by the History API, which the tracker sees: no component is needed. */
export default function RootLayout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <head>
        <script defer src="https://data.example.com/t.js" data-write-key="YOUR_WRITE_KEY" />
      </head>
      <body>{children}</body>
    </html>
  );
}
