"""Tests ../../jsr/web/page, the page itself: its files as texts, and the page in a browser, which is driven."""

import html.parser
import itertools
import json
import re
import shutil
import time

import pytest

from jsr.upscaling import files
from jsr.web.queue import Queue
from jsr.web.server import PAGE
from tests.web.client import encoded, serving
from tests.web.test_queue import Gate

SOURCES = sorted(PAGE.iterdir())
HTML = (PAGE / "page.html").read_text()


class _Elements(html.parser.HTMLParser):
    """The elements of the page: names and attributes, and of each the elements around it."""

    def __init__(self, text):
        super().__init__()
        self.found, self._open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs), list(self._open)))
        if tag not in ("meta", "link", "img", "input"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_page_names_no_other_place(path):
    text = path.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|\burl\(|@import|['\"]//", text)


def test_policy_blocks_nothing_of_the_page():
    """No inline script, style or handler, which the policy would block."""
    for tag, attributes, _ in _Elements(HTML).found:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert tag != "style" and (tag != "script" or attributes["src"])


def test_every_control_has_a_name():
    elements = _Elements(HTML).found
    labelled = {attributes["for"] for tag, attributes, _ in elements if tag == "label" and "for" in attributes}
    for tag, attributes, around in elements:
        if tag in ("select", "input", "progress") and "hidden" not in attributes:
            has_label = attributes.get("id") in labelled or "label" in around
            assert has_label or "aria-label" in attributes or "aria-labelledby" in attributes, attributes


def test_scripts_find_what_they_look_for():
    ids = {attributes["id"] for _, attributes, _ in _Elements(HTML).found if "id" in attributes}
    for path in PAGE.glob("*.js"):
        assert set(re.findall(r'\$\("([\w-]+)"\)', path.read_text())) <= ids


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_meets_wcag(scheme):
    """At least 4.5 for text and 3 for the edges of controls, level AA; relative luminance as WCAG 2.2 defines it."""
    blocks = re.findall(r":root \{(.*?)\}", (PAGE / "page.css").read_text(), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): #(\w{6});", blocks[0]))
    if scheme == "dark":
        colours |= dict(re.findall(r"--([\w-]+): #(\w{6});", blocks[1]))

    def luminance(name):
        channels = [int(colours[name][i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(*names):
        low, high = sorted(map(luminance, names))
        return (high + 0.05) / (low + 0.05)

    for text, ground in itertools.product(("text", "soft"), ("page", "card", "tint")):
        assert contrast(text, ground) >= 4.5, (text, ground)
    assert contrast("on-accent", "accent") >= 4.5 and contrast("bad", "bad-tint") >= 4.5
    assert contrast("bad", "card") >= 4.5
    for edge, ground in itertools.product(("edge", "accent"), ("page", "card")):
        assert contrast(edge, ground) >= 3, (edge, ground)


class Browser:
    """A Chromium without a window, at the page."""

    def __init__(self, downloads):
        webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install selenium")
        programs = [shutil.which(name) for name in ("chromium", "google-chrome")]
        chromium, driver = next(filter(None, programs), None), shutil.which("chromedriver")
        if not chromium or not driver:
            pytest.skip("needs a browser: apt-get install chromium chromium-driver")
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,900"):
            options.add_argument(argument)
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        self.requests = []

    def js(self, code, *arguments):
        return self.driver.execute_script(code, *arguments)

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def texts(self, selector):
        """Returns the texts of elements, all at one time, because the page may replace them."""
        return self.js("return [...document.querySelectorAll(arguments[0])].map((node) => node.innerText)", selector)

    def wait(self, condition):
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, self.find("body").text
            time.sleep(0.05)

    def wait_for_states(self, *states):
        self.wait(lambda: self.texts(".state") == list(states))

    def console(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def asked(self):
        """Returns method and address of all requests up to now."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                request = message["params"]["request"]
                self.requests.append((request["method"], request["url"]))
        return self.requests


@pytest.fixture
def browser(tmp_path):
    browser = Browser(tmp_path / "downloads")
    yield browser
    browser.driver.quit()


@pytest.mark.slow
def test_page_in_a_browser(browser, tmp_path, monkeypatch):
    for name, seed in (("first.png", 1), ("second.png", 2)):
        (tmp_path / name).write_bytes(encoded(48, 64, seed=seed))
    (tmp_path / "kept").mkdir()
    with serving(tmp_path / "kept") as client:
        site = f"http://127.0.0.1:{client.port}/"
        browser.driver.get(f"{site}#key={client.key}")
        browser.wait(lambda: browser.find("#settings").is_displayed())
        browser.driver.refresh()  # the key works once, but the page keeps the token
        browser.wait(lambda: browser.find("#settings").is_displayed())
        assert browser.find("#model").get_attribute("value") == "bicubic"

        browser.find("#files").send_keys(f"{tmp_path / 'first.png'}\n{tmp_path / 'second.png'}")
        browser.wait_for_states("done", "done")
        assert browser.texts(".name") == ["first.png", "second.png"]
        assert browser.find("#caption").text == "first.png, 64 × 48 → 256 × 192"
        _check_slider(browser)
        _check_zoom(browser)
        _check_another_model(browser)
        _check_cancel(browser, client, monkeypatch)
        _check_download(browser, client, tmp_path / "downloads")
        _check_paste_and_drop(browser, monkeypatch)
        _check_names(browser)
        _check_narrow_and_dark(browser)
        assert browser.console() == []
        _check_failure(browser, tmp_path)
        assert {url[: len(site)] for _, url in browser.asked() if not url.startswith("blob:")} == {site}
        browser.driver.get("about:blank")
        browser.wait(lambda: not [path for path in (tmp_path / "kept").iterdir() if path.is_dir()])


def _at(browser):
    """Returns the place of the border, as the slider, the line and the cut of the original have it."""
    slider, line, before, after, width = browser.js(
        """const box = document.querySelector("#viewer"), line = box.querySelector(".divider").getBoundingClientRect();
        return [Number(box.querySelector(".slider").value),
          line.x + line.width / 2 - box.getBoundingClientRect().x,
          ...[".before", ".after"].map((name) => getComputedStyle(box.querySelector(name)).clipPath),
          box.clientWidth]"""
    )
    cuts = [max(map(float, re.findall(r"([\d.]+)px", cut))) for cut in (before, after)]
    assert abs(line - slider / 100 * width) < 1 and max(abs(cut - line) for cut in cuts) < 1
    return slider


def _check_slider(browser):
    from selenium.webdriver import ActionChains, Keys

    slider, viewer = browser.find(".slider"), browser.find("#viewer")
    assert _at(browser) == 50
    slider.send_keys(Keys.ARROW_RIGHT * 5)
    assert _at(browser) == 55 and slider.get_attribute("aria-valuetext") == "original 55 %, result 45 %"
    slider.send_keys(Keys.HOME)
    assert _at(browser) == 0
    width, height = viewer.size["width"], viewer.size["height"]
    ActionChains(browser.driver).move_to_element(viewer).click_and_hold().move_by_offset(
        width // 4, 0
    ).release().perform()
    assert abs(_at(browser) - 75) <= 1
    ActionChains(browser.driver).move_by_offset(-width // 4, 0).perform()
    assert abs(_at(browser) - 75) <= 1  # released
    # A finger at the middle, beside the border; the browser moves it a little further than it is told.
    place = {"x": viewer.location["x"] + width / 2, "y": viewer.location["y"] + height / 2}
    finger = {"xDistance": -width // 4, "gestureSourceType": "touch", "preventFling": True}
    browser.driver.execute_cdp_cmd("Input.synthesizeScrollGesture", place | finger)
    assert 10 < _at(browser) <= 25


def _check_zoom(browser):
    from selenium.webdriver import Keys

    widths = "return ['.after', '.before'].map((name) => document.querySelector(name).naturalWidth)"
    assert browser.js(widths) == [256, 64]
    browser.find("#zoom :checked").send_keys(Keys.ARROW_RIGHT)
    assert browser.find(".pair").size["width"] == 256  # a pixel of the result is one of the screen
    browser.find("#zoom :checked").send_keys(Keys.ARROW_RIGHT)
    assert browser.find(".pair").size["width"] == 1024
    assert browser.js("return getComputedStyle(document.querySelector('.after')).imageRendering") == "pixelated"
    scroller = browser.find(".scroller")
    left = browser.js("return arguments[0].scrollLeft", scroller)
    scroller.send_keys(Keys.ARROW_LEFT)
    browser.wait(lambda: browser.js("return arguments[0].scrollLeft", scroller) < left)
    browser.find("#zoom :checked").send_keys(Keys.ARROW_LEFT * 2)


def _choose(browser, model):
    from selenium.webdriver.support.ui import Select

    Select(browser.find("#model")).select_by_value(model)
    browser.find("#run").click()


def _check_another_model(browser):
    _choose(browser, "nearest")
    browser.wait(lambda: len(browser.texts("#versions label")) == 2)
    assert browser.find("#versions label:has(:checked)").text.startswith("Nearest")
    assert browser.find("#purpose").text.startswith("Repeats each pixel")
    uploads = [url for method, url in browser.asked() if method == "POST" and url.endswith("/uploads")]
    assert len(uploads) == 2  # one of each picture


def _check_cancel(browser, client, monkeypatch):
    gate = Gate(monkeypatch)
    _choose(browser, "espcn")
    browser.wait(lambda: gate.order)
    browser.wait(lambda: browser.find("#cancel").is_displayed())
    browser.wait(lambda: browser.find("#doing").text == "Enlarging, 25 %")
    browser.find("#cancel").click()
    browser.wait_for_states("cancelled", "done")
    browser.wait(lambda: client.state(gate.order[0])["state"] == "cancelled")
    assert (
        not browser.find("#cancel").is_displayed() and browser.find("#news").get_attribute("textContent") == "cancelled"
    )
    monkeypatch.setattr(files, "upscale_file", gate._upscale)


def _check_download(browser, client, folder):
    from selenium.webdriver.support.ui import Select

    browser.find("#versions label").click()
    browser.wait_for_states("done", "done")
    Select(browser.find("#format")).select_by_visible_text("JPEG")
    browser.find("#download button").click()
    target = folder / "first_x4.jpg"
    browser.wait(target.exists)
    job = client.ask("GET", "/jobs")[1]["jobs"][0]["id"]
    assert target.read_bytes() == client.result(job, "jpg")


def _check_paste_and_drop(browser, monkeypatch):
    """The second picture comes while the page waits for the states of the jobs before it."""

    def late(queue):
        states = queue_states(queue)
        time.sleep(0.5)
        return states

    queue_states = Queue.states
    monkeypatch.setattr(Queue, "states", late)
    code = """const [bytes, event, field] = [Uint8Array.from(arguments[0]), arguments[1], arguments[2]];
    const data = new DataTransfer();
    data.items.add(new File([bytes], `${event}.png`, { type: "image/png" }));
    const Kind = event === "paste" ? ClipboardEvent : DragEvent;
    document.dispatchEvent(new Kind(event, { [field]: data, bubbles: true, cancelable: true }));"""
    browser.js(code, list(encoded(seed=3)), "paste", "clipboardData")
    browser.js(code, list(encoded(seed=4)), "drop", "dataTransfer")
    browser.wait_for_states(*["done"] * 4)
    assert browser.texts(".name")[2:] == ["paste.png", "drop.png"]
    for _ in range(2):
        browser.driver.find_elements("css selector", ".remove")[-1].click()
    browser.wait_for_states("done", "done")


def _check_names(browser):
    """Checks that screen readers are told a name of everything that takes the focus."""
    tree = browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    controls = [n for n in tree if any(p["name"] == "focusable" for p in n.get("properties", ())) and not n["ignored"]]
    roles = {node["role"]["value"] for node in controls}
    assert {"slider", "button", "combobox", "radio"} <= roles
    assert [node for node in controls if not node.get("name", {}).get("value")] == []


def _check_narrow_and_dark(browser):
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.wait(lambda: browser.find("#viewer").size["width"] <= 360)
    assert browser.js("return document.documentElement.scrollWidth") == 360
    grounds = []
    for scheme in ("light", "dark"):
        feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", feature)
        grounds.append(browser.js("return getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] != grounds[1]
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def _check_failure(browser, folder):
    (folder / "broken.png").write_bytes(encoded()[:-30])
    browser.find("#files").send_keys(str(folder / "broken.png"))
    browser.wait_for_states("done", "done", "failed")
    browser.driver.find_elements("css selector", ".card")[-1].click()
    title, line = browser.find("#failure").text.splitlines()
    assert title == "broken.png cannot be enlarged" and line.startswith("broken or not supported")
    (message,) = browser.console()  # of a refused request, by the browser itself
    assert "/uploads" in message and "422" in message
