// Opens report.html in Chromium: three widths, light and dark, and printed.
//
//     npm ci --prefix tests/browser
//     node tests/browser/check.mjs out/latest/report.html [FOLDER for pictures]
//
// It is one file that asks the network for nothing, axe-core finds no fault in it, nothing but marked tables is wider
// than the page, and on paper nothing is cut, so that all of it prints in one scale.

import { readFileSync, statSync, mkdirSync, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [page_file, pictures] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const executablePath = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser"].find((p) => p && existsSync(p));
const MOST_BYTES = 500_000;
// A4 less the margins of @page, at 96 dots an inch.
const PAPER = { width: Math.floor(((210 - 2 * 12) / 25.4) * 96), height: Math.floor(((297 - 2 * 14) / 25.4) * 96) };
const faults = [];

// Boxes that stick out of the page though no marked table around them can be scrolled.
const sticking_out = () => {
  const edge = document.documentElement.clientWidth;
  const found = [];
  for (const box of document.querySelectorAll("body *")) {
    if (box.closest(".scroll, .unseen, .skip, svg, thead") || !box.checkVisibility({ contentVisibilityAuto: true })) continue;
    const { right, left, width } = box.getBoundingClientRect();
    if (width > 0 && (right > edge + 1 || left < -1)) found.push(`${box.tagName.toLowerCase()}.${box.className}: ${Math.round(left)} to ${Math.round(right)} of ${edge}`);
  }
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth) found.push(`the page is ${page.scrollWidth} wide in a window of ${page.clientWidth}`);
  return found;
};

// What is cut on paper: any box with more in it than it shows, and any table wider than the paper.
const cut_on_paper = (width) => {
  const found = [];
  for (const box of document.querySelectorAll("body, table, .scroll, section, svg, pre")) {
    if (!box.checkVisibility()) continue;
    const right = Math.round(box.getBoundingClientRect().right);
    if (right > width + 1) found.push(`${box.tagName.toLowerCase()}.${box.className} ${box.getAttribute("aria-label") ?? ""} ends at ${right} of ${width}`);
  }
  return found;
};

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
if (pictures) mkdirSync(pictures, { recursive: true });
const size = statSync(page_file).size;
if (size > MOST_BYTES) faults.push(`the page has ${size} bytes, more than ${MOST_BYTES}`);

for (const colorScheme of ["light", "dark"]) {
  for (const width of [360, 768, 1280]) {
    const where = `${width} px, ${colorScheme}`;
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
    const page = await context.newPage();
    page.on("request", (r) => r.url().startsWith("file:") || faults.push(`${where}: asks for ${r.url()}`));
    page.on("console", (m) => m.type() === "error" && faults.push(`${where}: ${m.text()}`));
    await page.goto(pathToFileURL(resolve(page_file)).href);
    if (pictures) await page.screenshot({ path: `${pictures}/${width}-${colorScheme}.png`, fullPage: true });
    // As opened, and with everything unfolded.
    for (const opened of [false, true]) {
      if (opened) await page.evaluate(() => document.querySelectorAll("details").forEach((d) => (d.open = true)));
      for (const fault of await page.evaluate(sticking_out)) faults.push(`${where}${opened ? ", unfolded" : ""}: ${fault}`);
    }
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    for (const v of violations) faults.push(`${where}: axe ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join("; ")}`);
    await context.close();
  }
}

const context = await browser.newContext({ viewport: PAPER, colorScheme: "dark" });
const page = await context.newPage();
await page.emulateMedia({ media: "print" });
await page.goto(pathToFileURL(resolve(page_file)).href);
for (const fault of await page.evaluate(cut_on_paper, PAPER.width)) faults.push(`printed: ${fault}`);
const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
if (paper !== "rgb(255, 255, 255)") faults.push(`printed: the paper is ${paper} where the screen is dark`);
if (pictures) await page.pdf({ path: `${pictures}/printed.pdf`, preferCSSPageSize: true, printBackground: true });
await browser.close();

for (const fault of faults.slice(0, 60)) console.error(fault);
console.log(faults.length ? `${faults.length} faults` : `${page_file}: no fault, ${size} bytes`);
process.exit(faults.length ? 1 : 0);
