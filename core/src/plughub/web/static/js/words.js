// Texts of scripts in the language of the page.
//
//   import { _, _n } from "./words.js";
//   _("Deleting …")
//   _("Delete {name}?", { name })
//   _n("{n} server", "{n} servers", count)
//
// Messages are literals, so that the catalogue finds them (core/catalogue.py).

export const language = document.documentElement.lang || "en";

const words = language === "en" ? {} : await load();
const plurals = new Intl.PluralRules(language);

async function load() {
  try {
    const answer = await fetch(new URL(`../words/${language}.json`, import.meta.url));
    return answer.ok ? await answer.json() : {};
  } catch {
    return {};
  }
}

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (found, name) => values[name] ?? found);
}

/** Return a message in the language of the page, with values for placeholders such as {name}. */
export function _(message, values = {}) {
  return fill(words[message] ?? message, values);
}

/** Return the message for a number, which fills the placeholder {n}. */
export function _n(one, many, number, values = {}) {
  const [single, several] = words[one] ?? [one, many];
  return fill(plurals.select(number) === "one" ? single : several, { n: number, ...values });
}
