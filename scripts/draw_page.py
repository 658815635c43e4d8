"""Draws the README's picture of the page: `python -m scripts.draw_page`.

Starts `jsr.serve`, opens it by selenium in Chromium (Debian's packages chromium and chromium-driver), and writes
`experiments/page.webp`. It shows the photograph `coffee` (Rachel Michetti, CC0, from scikit-image), reduced to 300x200
pixels and saved as JPEG, and its result by the default model.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from selenium import webdriver
from skimage import data

TARGET = Path(__file__).parents[1] / "experiments" / "page.webp"
WIDTH, HEIGHT = 1120, 780  # CSS pixels of the window
SHARE = 46  # percent of the original in the picture


def main() -> None:
    """Writes the picture."""
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder, "coffee.jpg")
        Image.fromarray(data.coffee()).resize((300, 200), Image.Resampling.BICUBIC).save(photo, quality=90)
        command = [sys.executable, "-m", "jsr.serve", "--port", "0", "--no-browser"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout
            screen = Path(folder, "screen.png")
            try:
                _shoot(server.stdout.readline().strip(), photo, screen)
            finally:
                server.terminate()
        Image.open(screen).convert("RGB").save(TARGET, quality=82, method=6)
    print(f"{TARGET} ({TARGET.stat().st_size / 1000:.0f} kB)")


def _shoot(address: str, photo: Path, screen: Path) -> None:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars", f"--window-size={WIDTH},{HEIGHT}"):
        options.add_argument(argument)
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    with webdriver.Chrome(options=options, service=service) as browser:
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(address)
        find = browser.find_element
        while not find("id", "settings").is_displayed():
            time.sleep(0.1)
        find("id", "files").send_keys(str(photo))
        while find("css selector", ".state").text != "done":
            time.sleep(0.1)
        slider = find("css selector", ".slider")
        move = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))"
        browser.execute_script(move, slider, SHARE)
        time.sleep(0.5)  # until the images are drawn
        browser.save_screenshot(str(screen))


if __name__ == "__main__":
    main()
