// Colours of points, and the legend that explains them. Pure: a scene in, bytes and legend entries out.
// The hues are Okabe and Ito's, which people with any colour vision tell apart; the yellow is darker on white.

import {t} from "../../shared/words.js";
import {clusters} from "./clusters.js";

const HUES = {
  light: ["#0072b2", "#e69f00", "#009e73", "#cc6fa3", "#56b4e9", "#d55e00", "#b8a611"],
  dark: ["#3a93dc", "#f0ad1f", "#1fb88c", "#dd8fbb", "#7fcbf5", "#ef7530", "#e6dc55"],
};
const STEPS = {
  light: ["#a9c7e8", "#6c9fd6", "#3a76bb", "#1d4f90", "#0b2c5c"],
  dark: ["#35507a", "#5079b3", "#79a3df", "#abc9f3", "#e3eefc"],
};
const SEXES = ["f", "m"];
const GREY = {light: "#b4b7bd", dark: "#6a707c"};
const OTHER = {light: "#7d828c", dark: "#9a9fa9"};
// How much points matter: large and above the others, or small and pale; or a line around its character.
const [LIT, SHARED, DIM, LINE] = [255, 90, 1, 0];

/** What the points of each kind of scene can be coloured by; the first is what they are coloured by at first. */
export const WAYS = {
  characters: ["voice", "sex", "game", "maker", "clips", "cluster"],
  lines: ["character", "voice", "sex", "cluster"],
};

/**
 * {of: category of each point or -1, legend: [{categories, colourOf, hues, words, count}], own: how many categories have
 * a colour of their own} of a scene. `theme` is "light" or "dark".
 */
export function colouring(scene, way, theme) {
  if (way === "clips") return byClips(scene, theme);
  if (way === "voice") return repeating(scene, scene.voices, theme, t("map.a_voice"), t("map.no_voice"));
  if (way === "sex") return bySex(scene, theme);
  if (way === "character") {
    const named = new Map(scene.characters.map((id, point) => [id, scene.name(point)]));
    return largest(scene, scene.characters, theme, (id) => named.get(id), t("base.unknown_speaker"));
  }
  if (way === "cluster") return largest(scene, clusters(scene.x, scene.y), theme, null, t("map.no_cluster"));
  if (way === "maker") {
    const names = new Map(scene.games.map(({maker}) => [maker.id, maker.name]));
    return largest(scene, scene.gameOf.map((game) => scene.games[game].maker.id), theme, (id) => names.get(id), "");
  }
  return largest(scene, scene.gameOf, theme, (game) => scene.games[game].title, "");
}

/** RGBA bytes of every point; those for which `isLit` is false are grey, and small. */
export function painted(scene, {of, legend, own = Infinity}, theme, isLit = () => true) {
  const bytes = new Uint8Array(4 * scene.count);
  const colours = new Map(legend.flatMap((entry) => entry.categories.map((category) => [category, rgb(entry.colourOf(category))])));
  const grey = rgb(GREY[theme]);
  const lead = scene.lead ?? scene.count;
  for (let point = 0; point < scene.count; point++) {
    const lit = isLit(point);
    const category = of[scene.of ? scene.of(point) : point];
    const colour = lit ? colours.get(category) : grey;
    bytes.set(colour, 4 * point);
    if (point >= lead) bytes[4 * point + 3] = LINE;
    else bytes[4 * point + 3] = !lit || category === -1 ? DIM : category < own ? LIT : SHARED;
  }
  return bytes;
}

export function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** Values as categories from 0 on, the most frequent first; null is -1. */
function ranked(values) {
  const counts = new Map();
  for (const value of values) if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
  const order = [...counts].sort((one, other) => other[1] - one[1]);
  const places = new Map(order.map(([value], place) => [value, place]));
  return {of: Int32Array.from(values, (value) => (value === null ? -1 : places.get(value))), order};
}

function entry(categories, colourOf, words, count, hues = [colourOf(categories[0])]) {
  return {categories, colourOf, hues, words, count};
}

function none(of, words, theme) {
  const count = of.reduce((sum, category) => sum + (category === -1), 0);
  return count ? [entry([-1], () => GREY[theme], words, count)] : [];
}

/** The largest categories have a colour of their own, the others share one. */
function largest(scene, values, theme, nameOf, withoutWords) {
  const {of, order} = ranked(values);
  const hues = HUES[theme];
  const named = order.slice(0, hues.length).map(([value, count], place) => {
    return entry([place], () => hues[place], nameOf ? nameOf(value) : t("map.a_cluster", {number: String(place + 1)}), count);
  });
  const rest = order.slice(hues.length);
  if (rest.length) {
    const count = rest.reduce((sum, [, size]) => sum + size, 0);
    const categories = rest.map((_, place) => place + hues.length);
    named.push(entry(categories, () => OTHER[theme], t("map.others", {count: rest.length}), count));
  }
  return {of, legend: [...named, ...none(of, withoutWords, theme)], own: hues.length};
}

/** So many categories that colours repeat. */
function repeating(scene, values, theme, words, withoutWords) {
  const {of, order} = ranked(values);
  const hues = HUES[theme];
  const count = order.reduce((sum, [, size]) => sum + size, 0);
  const all = order.length ? [entry(order.map((_, place) => place), (place) => hues[place % hues.length], words, count, hues)] : [];
  return {of, legend: [...all, ...none(of, withoutWords, theme)]};
}

/** Two hues of their own, the same in every catalog. */
function bySex({sexes}, theme) {
  const hues = HUES[theme];
  const of = Int32Array.from(sexes, (sex) => SEXES.indexOf(sex));
  const words = [t("map.female"), t("map.male")];
  const counts = SEXES.map((_, place) => of.reduce((sum, category) => sum + (category === place), 0));
  const named = counts.map((count, place) => entry([place], () => hues[1 - place], words[place], count));
  return {of, legend: [...named.filter(({count}) => count), ...none(of, t("map.no_sex"), theme)]};
}

/** Five steps, each of about as many times the clips as the last. */
function byClips({clips, count}, theme) {
  const steps = STEPS[theme];
  const sorted = Float64Array.from(clips).sort();
  const most = Math.max(2, sorted[count - 1] ?? 1);
  const edges = [...new Set(steps.map((_, step) => Math.max(1, Math.round(most ** ((step + 1) / steps.length)))))];
  const of = Int32Array.from(clips, (value) => edges.findIndex((edge) => value <= edge));
  const legend = edges.map((edge, step) => {
    const from = step ? edges[step - 1] + 1 : 1;
    const colour = steps[Math.round((step * (steps.length - 1)) / Math.max(1, edges.length - 1))];
    const size = of.reduce((sum, category) => sum + (category === step), 0);
    return entry([step], () => colour, t("map.clips_range", {from, to: edge}), size);
  });
  return {of, legend: legend.filter((one) => one.count)};
}
