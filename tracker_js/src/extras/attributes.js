import { onClick } from "./clicks.js";
import { guard, on, track } from "./inside.js";

// A mutation is looked into once things are quiet, or after this at the latest.
const LOOK_MS = 200;
const NUMBERS = ["price", "quantity", "total", "revenue", "value", "subtotal", "tax", "shipping", "discount", "position", "step"];

/**
 * Commerce without code: what `data-ariane-*` attributes say about buttons, links, forms and what is shown.
 *
 * `data-ariane-event` names what a click, or a form's submit, means; `data-ariane-view` what showing the element means,
 * once a page view. Every other `data-ariane-…` of the element and what surrounds it is a property.
 */
export function attributes() {
  let shown = new Set();
  let timer;

  onClick(({ type, target }) => {
    const element = target.closest && target.closest("[data-ariane-event]");
    // A click in a form is no submit, and a submit is of the form itself.
    if (element && (element.tagName === "FORM") === (type === "submit")) {
      track(element.dataset.arianeEvent, readProperties(element));
    }
  });

  const look = guard(() => {
    timer = 0;
    for (const element of document.querySelectorAll("[data-ariane-view]")) {
      const properties = readProperties(element);
      const event = element.dataset.arianeView;
      const key = event + JSON.stringify(properties);
      if (shown.has(key)) continue;
      shown.add(key);
      track(event, properties);
    }
  });

  on("_view", () => {
    shown = new Set();
    look();
  });
  look();
  // A single-page app renders after its route has changed.
  new MutationObserver(() => {
    timer = timer || setTimeout(look, LOOK_MS);
  }).observe(document.documentElement, { subtree: true, childList: true, attributeFilter: ["data-ariane-view", "data-ariane-product-id"] });
}

/** The properties an element's `data-ariane-*` attributes give, its ancestors' where it has none, and its fields'. */
export function readProperties(element) {
  const properties = {};
  for (let each = element; each; each = each.parentElement) {
    for (const key of Object.keys(each.dataset)) {
      const name = propertyName(key);
      if (name && !(name in properties)) properties[name] = propertyValue(name, each.dataset[key]);
    }
  }
  const scope = element.closest("form") || element;
  for (const field of scope.querySelectorAll("[data-ariane-field]")) {
    properties[field.dataset.arianeField] = propertyValue(field.dataset.arianeField, field.value);
  }
  return properties;
}

/** `arianeProductId` (a dataset's spelling) is `product_id`; undefined for what is no property. */
export function propertyName(key) {
  const [, name] = /^ariane(?!(?:Event|View|Field)$)(.+)/.exec(key) || [];
  return name && name.replace(/[A-Z]/g, (letter, at) => (at ? "_" : "") + letter.toLowerCase());
}

/** A number where the name says amount, JSON where it looks like a list or an object, else the text. */
export function propertyValue(name, text) {
  if (NUMBERS.includes(name) && text.trim() && isFinite(text)) return +text;
  if (/^\s*[[{]/.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      return text; // it only looked like JSON
    }
  }
  return text;
}
