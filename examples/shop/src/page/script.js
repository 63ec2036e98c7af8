// Asks once a second how things are, and hands the answer round.

import { showCatalogue } from "/catalogue.js";
import { connectControls, showSettings } from "/controls.js";
import { showFigures, showClosed } from "/figures.js";
import { showTags } from "/tags.js";

const EVERY = 1000;

async function look() {
  try {
    const live = await (await fetch("/live")).json();
    showFigures(live);
    showSettings(live);
    showTags(live.largest_tags);
  } catch {
    showClosed();
  }
  setTimeout(look, EVERY);
}

connectControls();
showCatalogue();
look();
