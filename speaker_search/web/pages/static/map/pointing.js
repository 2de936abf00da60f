// The one point that is pointed at, by mouse, finger or keys: its card, its name aloud, and its sound.

import {addressOf, cardWords, showCard} from "./card.js";
import {clipOf, hear, hush} from "./hearing.js";

const HEAR_AFTER_MS = 250; // under the pointer

export class Pointing {
  /** `said` is where its name is written for screen readers; `sounds()` says whether it is heard, `ongame(id)` shows a game. */
  constructor(stage, card, said, {sounds, ongame}) {
    Object.assign(this, {stage, card, said, sounds, ongame});
    this.pinned = false; // the card stays until it is closed
    this.timer = 0;
    this.text = "";
  }

  get scene() {
    return this.stage.scene;
  }

  /** Point at a point, or with -1 at none. `aloud` has screen readers say it. */
  at(point, {pin = false, aloud = false} = {}) {
    if (point === this.stage.pointed && pin === this.pinned) return;
    clearTimeout(this.timer);
    if (point !== this.stage.pointed) {
      this.text = "";
      hush();
    }
    this.pinned = pin && point >= 0;
    if (point < 0) {
      this.card.hidden = true;
      this.stage.point(-1);
      return;
    }
    this.stage.point(point, this.scene.kin(point));
    this.place();
    if (aloud) this.said.textContent = cardWords(this.scene, point, this.stage.kin);
    if (this.sounds()) this.timer = setTimeout(() => hear(this.scene, point), HEAR_AFTER_MS);
    if (this.scene.isLine(point)) this.addText(this.scene, point);
  }

  /** At none; a pinned card stays unless `pinnedToo`. */
  away({pinnedToo = false} = {}) {
    if (this.stage.pointed >= 0 && (pinnedToo || !this.pinned)) this.at(-1);
  }

  /** Put the card beside its point, wherever that is now. */
  place() {
    const {scene, stage, card, pinned, text} = this;
    const point = stage.pointed;
    if (point < 0) return;
    const onclose = () => {
      this.away({pinnedToo: true});
      card.closest("[tabindex]").focus();
    };
    const does = {onplay: () => hear(scene, point), ongame: () => this.ongame(scene.game(point).id), onclose};
    showCard(card, scene, point, stage.kin, stage.placed(point), {pinned, text, ...does});
  }

  /** The text of a line, once it is known. */
  async addText(scene, point) {
    const clip = await clipOf(scene, point).catch(() => null);
    if (!clip || this.scene !== scene || this.stage.pointed !== point) return;
    this.text = clip.text;
    this.place();
  }

  /** Go to a point's page; where there is none, and where there is no pointer to hover with, hold its card. */
  open(point, event) {
    const address = addressOf(this.scene, point);
    if (!address || event.pointerType === "touch") this.at(point, {pin: true, aloud: true});
    else if (event.ctrlKey || event.metaKey) window.open(address);
    else location.assign(address);
  }
}
