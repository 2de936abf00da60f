// What the page says, in the language that the server chose for it.

export const language = document.documentElement.lang;

const table = await (await fetch(new URL(`../words/${language}.json`, import.meta.url), {credentials: "same-origin"})).json();
/** The server's English sentences, and what is said instead. */
export const sentences = table.server;

const plurals = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(language);

/** The words of a key, its {placeholders} filled; where they depend on a number, that number is `count`. */
export function t(key, values = {}) {
  let words = table[key];
  if (words === undefined) throw new Error(`no words for ${key}`);
  if (typeof words === "object") words = words[plurals.select(values.count)] ?? words.other;
  return words.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? number(values[name]) : values[name]));
}

/** A number as it is written in this language. */
export function number(value) {
  return numbers.format(value);
}

/** A probability as a percentage; never 0 or 100, which would be certain. */
export function percent(probability) {
  const value = probability * 100;
  if (value >= 99.5) return "> 99%";
  if (value < 1) return "< 1%";
  return `${Math.round(value)}%`;
}

/** The language of a name or a line, for screen readers and line breaks: "ja" where it is written in Japanese. */
export function languageOf(text) {
  return /[\u3040-\u30ff\u3400-\u9fff\uff01-\uff5e]/.test(text) ? "ja" : "";
}
