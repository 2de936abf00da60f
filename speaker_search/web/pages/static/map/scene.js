// What is on the map: every character of the catalog, or the lines of one game, each under its number from 0 on. Lines
// that are shown around their characters are numbered after the characters, of whom there are `lead`.
// `kin` are the other roles of a point's voice; of a line around its character, that character.

import {get} from "../shared/api.js";
import {t} from "../shared/words.js";

/** All characters. */
export async function characterScene() {
  const map = await get("/v1/map");
  const byVoice = Map.groupBy(map.voices.keys(), (point) => map.voices[point]);
  return {
    kind: "characters",
    ...places(map),
    isLine: () => false,
    title: t("map.all"),
    games: map.of_games,
    voices: map.voices,
    sexes: map.sexes,
    clips: map.clips,
    gameOf: map.games,
    name: (point) => map.names[point],
    game: (point) => map.of_games[map.games[point]],
    voice: (point) => map.voices[point],
    kin: (point) => (map.voices[point] === null ? [] : byVoice.get(map.voices[point]).filter((one) => one !== point)),
    character: (point) => ({id: map.ids[point], name: map.names[point]}),
  };
}

/** The lines of a game. */
export async function lineScene(gameId) {
  const map = await get(`/v1/games/${gameId}/map`);
  const who = (point) => (map.characters[point] === null ? null : {id: map.characters[point], name: map.names[map.characters[point]]});
  return {
    kind: "lines",
    ...places(map),
    isLine: () => true,
    title: map.game.title,
    games: [map.game],
    characters: map.characters,
    voices: map.characters.map((id) => map.voices[id] ?? null),
    sexes: map.characters.map((id) => map.sexes[id] ?? null),
    name: (point) => who(point)?.name ?? t("base.unknown_speaker"),
    game: () => map.game,
    voice: () => null,
    kin: () => [],
    character: who,
  };
}

/** The characters with lines around them: [{id, character, x, y}], `character` the number of who speaks it. */
export function withLines(scene, lines) {
  const lead = scene.count;
  const joined = (values, name) => {
    const found = new Float32Array(lead + lines.length);
    found.set(values);
    found.set(lines.map((line) => line[name]), lead);
    return found;
  };
  const of = (point) => (point < lead ? point : lines[point - lead].character);
  return {
    ...scene,
    lead,
    count: lead + lines.length,
    ids: [...scene.ids, ...lines.map(({id}) => id)],
    x: joined(scene.x, "x"),
    y: joined(scene.y, "y"),
    of,
    isLine: (point) => point >= lead,
    name: (point) => scene.name(of(point)),
    game: (point) => scene.game(of(point)),
    voice: (point) => scene.voice(of(point)),
    kin: (point) => (point < lead ? scene.kin(point) : [of(point)]),
    character: (point) => scene.character(of(point)),
  };
}

function places(map) {
  const [x, y] = [Float32Array.from(map.x), Float32Array.from(map.y)];
  const bounds = x.length ? [least(x), least(y), most(x), most(y)] : [0, 0, 1, 1];
  return {count: x.length, better: map.better, ids: map.ids, x, y, bounds};
}

const least = (values) => values.reduce((found, value) => Math.min(found, value), Infinity);
const most = (values) => values.reduce((found, value) => Math.max(found, value), -Infinity);

/** The places of a scene, x and y by turns; where `before` has a point of the same id, its places. */
export function interleaved(scene, before = null) {
  const found = new Float32Array(2 * scene.count);
  const known = before && new Map(before.ids.map((id, point) => [id, point]));
  for (let point = 0; point < scene.count; point++) {
    const old = known?.get(scene.ids[point]);
    found[2 * point] = old === undefined ? scene.x[point] : before.x[old];
    found[2 * point + 1] = old === undefined ? scene.y[point] : before.y[old];
  }
  return found;
}
