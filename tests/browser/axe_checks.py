"""Checks that apply to every page."""

from playwright.sync_api import Frame, Page

from tests.browser.chromium import axe_source

PHONE = 320  # CSS px: a small phone, and 1280 px at 400 % zoom
DESKTOP = 1280

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Without preload: axe would copy style sheets into the page, which violates the policy and logs to the console.
AXE = """async (tags) => {
  const options = {runOnly: tags, resultTypes: ["violations"], iframes: false, preload: false};
  const found = await axe.run(document, options);
  return found.violations.flatMap((rule) => rule.nodes.map(
    (node) => `axe ${rule.id}: ${node.target.join(" ")}: ${node.failureSummary.replaceAll(/\\s+/g, " ")}`));
}"""

# A label counts toward the size of its control. A link inside a sentence may be small (WCAG 2.5.8, inline).
SMALL_TARGETS = """(touch) => {
  const box = (element) => {
    const boxes = [element, ...(element.labels || [])].map((part) => part.getBoundingClientRect());
    const edge = (side, most) => most(...boxes.map((each) => each[side]));
    return [edge("right", Math.max) - edge("left", Math.min), edge("bottom", Math.max) - edge("top", Math.min)];
  };
  const inSentence = (element) => element.matches("a") && getComputedStyle(element).display === "inline"
    && [...element.parentElement.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const controls = "a[href], button, input:not([type=hidden]), select, textarea, summary";
  return [...document.querySelectorAll(controls)]
    .filter((element) => element.checkVisibility() && !element.closest("[aria-hidden=true], .skip-link"))
    .filter((element) => !inSentence(element))
    .map((element) => [element, ...box(element).map(Math.round)])
    .filter(([element, width, height]) => {
      const least = touch && !element.matches("a:not(.btn)") ? 44 : 24;
      return width < least || height < least;
    })
    .map(([element, width, height]) => `target ${width}x${height}: ${element.outerHTML.slice(0, 120)}`);
}"""

CLIPPED = """() => [...document.querySelectorAll("main *, header *, footer *")]
  .filter((element) => element.checkVisibility() && !element.closest(".visually-hidden"))
  .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
  .filter((element) => {
    const {left, right} = element.getBoundingClientRect();
    const hides = getComputedStyle(element).overflow !== "visible";
    return left < 0 || right > innerWidth + 1 || (hides && element.scrollWidth > element.clientWidth + 1);
  })
  .map((element) => `cut off: ${element.outerHTML.slice(0, 120)}`)"""


DATA_IMAGES = """() => [...document.querySelectorAll("*")]
  .filter((element) => getComputedStyle(element).backgroundImage.includes("data:"))
  .map((element) => `data: image: ${element.outerHTML.slice(0, 120)}`)"""


def page_problems(page: Page, language: str, *, axe: bool = True) -> list[str]:
    """Return everything wrong with the page in its current state, one line each, with the viewport width."""
    width = page.viewport_size["width"]
    found = [
        *document_problems(page, language),
        *overflow_problems(page),
        *page.evaluate(SMALL_TARGETS, width == PHONE),
        *(axe_problems(page) if axe else []),
    ]
    return [f"{language}, {width} px, {fault}" for fault in found]


def document_problems(page: Page, language: str) -> list[str]:
    page.wait_for_load_state()  # a click returns when the next page starts loading
    spoken, headings = page.evaluate("() => [document.documentElement.lang, document.querySelectorAll('h1').length]")
    wrong = [f"lang is {spoken}"] if spoken != language else []
    return wrong + ([f"{headings} headings h1"] if headings != 1 else []) + page.evaluate(DATA_IMAGES)


def overflow_problems(page: Page) -> list[str]:
    """Return what doesn't fit the page's width."""
    return scroll_problems(page) + cut_off(page)


def cut_off(page: Page) -> list[str]:
    return page.evaluate(CLIPPED)


def scroll_problems(page: Page) -> list[str]:
    over = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"scrolls sideways by {over} px"] if over > 0 else []


def axe_problems(page: Page | Frame) -> list[str]:
    """Return what axe finds. Its script is injected by the debugger, where the page's policy doesn't block it."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(axe_source())
    return page.evaluate(AXE, TAGS)
