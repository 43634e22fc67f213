"""Two ways to use a page: with a pointer, or with the keyboard alone."""

from playwright.sync_api import Locator, Page, expect

MAX_STOPS = 600

# Describes the focused element. The outline of a chip or a promise card is drawn on the element next to the input.
DESCRIBE_FOCUS = """() => {
  const element = document.activeElement;
  if (element === document.body) return {where: "", faults: []};
  const face = element.matches(".chip input, .promise-card > input") ? element.nextElementSibling : element;
  const style = getComputedStyle(face);
  const box = face.getBoundingClientRect();
  const seen = {left: Math.max(box.left, 0), right: Math.min(box.right, innerWidth),
                top: Math.max(box.top, 0), bottom: Math.min(box.bottom, innerHeight)};
  const faults = [];
  if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) faults.push("has no visible focus");
  if (seen.right - seen.left < 4 || seen.bottom - seen.top < 4) faults.push("is out of sight");
  else for (const share of [0.1, 0.5, 0.9]) {
    const top = document.elementFromPoint((seen.left + seen.right) / 2, seen.top + share * (seen.bottom - seen.top));
    const own = [element, face, ...(element.labels || [])];
    if (top && !own.some((part) => part.contains(top) || top.contains(part))) faults.push(`is under ${top.outerHTML}`);
  }
  const where = `${element.tagName.toLowerCase()} ${element.id || element.name || element.textContent.trim()}`;
  return {where: where.replaceAll(/\\s+/g, " ").slice(0, 60), faults};
}"""


class Pointer:
    def press(self, target: Locator) -> None:
        target.click()

    def fill(self, target: Locator, text: str) -> None:
        target.fill(text)

    def choose(self, target: Locator) -> None:
        """Select a radio button, which is covered by its chip."""
        target.check(force=True)

    def check(self, target: Locator) -> None:
        """Check a checkbox, which may be covered by a chip."""
        target.check(force=True)


class Keyboard:
    """Moves to elements with Tab, then uses Enter, Space, arrow keys or letters. Every focused element on the way must
    be visible."""

    def press(self, target: Locator) -> None:
        self.reach(target)
        target.page.keyboard.press("Enter" if target.evaluate("element => element.matches('a')") else "Space")

    def fill(self, target: Locator, text: str) -> None:
        self.reach(target)
        target.page.keyboard.press("ControlOrMeta+A")
        target.page.keyboard.type(text)

    def choose(self, target: Locator) -> None:
        page = target.page
        group = page.locator(f"input[name='{target.get_attribute('name')}']:checked")
        self.reach(group)
        for _step in range(page.locator(f"input[name='{target.get_attribute('name')}']").count()):
            if target.is_checked():
                return
            page.keyboard.press("ArrowRight")
        expect(target).to_be_checked()

    def check(self, target: Locator) -> None:
        self.press(target)
        expect(target).to_be_checked()

    def reach(self, target: Locator) -> None:
        page = target.page
        element = target.element_handle()
        for _stop in range(MAX_STOPS):
            if element.evaluate("element => element === document.activeElement"):
                return
            step(page)
        raise AssertionError(f"{target} is not reached by Tab")


def step(page: Page, key: str = "Tab") -> str:
    """Move the focus once and return where it is, or "" outside the page."""
    page.keyboard.press(key)
    stop = page.evaluate(DESCRIBE_FOCUS)
    assert not stop["faults"], (stop["where"], stop["faults"])
    return stop["where"]
