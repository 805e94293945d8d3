import { onClick } from "./clicks.js";
import { listed, on, track } from "./inside.js";

const DOWNLOAD = /\.(pdf|zip|gz|docx?|xlsx?|pptx?|csv|mp[34]|exe|dmg)$/i;
const LOOK_MS = 500;

/** What visitors do beside commerce, for the words in `data-track`: `outbound`, `downloads`, `forms`, `scroll`. */
export const behaviour = () => {
  onClick(({ type, target }) => {
    const link = target.closest && target.closest("a[href]");
    if (type === "submit") {
      if (listed("track", "forms")) track("Form Submitted", { form_id: target.id, action: target.action });
    } else if (link && /^http/.test(link.protocol)) {
      if (link.hasAttribute("download") || DOWNLOAD.test(link.pathname)) {
        if (listed("track", "downloads")) track("File Downloaded", { url: link.href });
      } else if (link.host !== location.host && listed("track", "outbound")) track("Outbound Link Clicked", { url: link.href });
    }
  });

  if (!listed("track", "scroll")) return;
  let deepest = 0;
  let timer;
  const look = () => {
    timer = 0;
    const { scrollHeight } = document.documentElement;
    const percent = Math.floor(((scrollY + innerHeight) / scrollHeight) * 4) * 25;
    if (percent > deepest) track("Page Scrolled", { percent: (deepest = Math.min(percent, 100)) });
  };
  // At most one look at the layout every half second.
  addEventListener("scroll", () => (timer = timer || setTimeout(look, LOOK_MS)), { passive: true, capture: true });
  on("_view", () => (deepest = 0));
};
