// A picture and its result, one over the other, with a border that is moved by mouse, touch and keyboard, and a zoom.

const LEAST = 240; // CSS pixels of the viewer's height, at least
const SHARE = 0.64; // of the window's height, at most
const ROUND = 2; // CSS pixels by which a picture may miss the viewer without bars to scroll

export class Viewer {
  #box;
  #scroller;
  #pair;
  #before;
  #after;
  #slider;
  #size = [1, 1]; // width and height of the result
  #zoom = 0; // pixels of the screen for one of the result; 0 fits the window

  constructor(box) {
    this.#box = box;
    this.#scroller = box.querySelector(".scroller");
    this.#pair = box.querySelector(".pair");
    this.#before = box.querySelector(".before");
    this.#after = box.querySelector(".after");
    this.#slider = box.querySelector(".slider");
    this.#slider.addEventListener("input", () => this.#cut());
    this.#scroller.addEventListener("scroll", () => this.#cut());
    addEventListener("resize", () => this.#lay());
    box.addEventListener("pointerdown", (event) => this.#press(event));
  }

  // Shows a picture, and a result over it if there is one; both are addresses of images, or null.
  async show(before, after, width, height) {
    this.#size = [width, height];
    this.#box.classList.toggle("alone", !after);
    this.#before.hidden = !before;
    for (const [image, url] of [[this.#before, before], [this.#after, after]]) {
      if (!url) image.removeAttribute("src");
      else if (image.src !== url) image.src = url;
    }
    this.#lay();
    // A browser has limits of its own, which the result may exceed.
    const images = [before && this.#before, after && this.#after].filter(Boolean);
    await Promise.all(images.map((image) => image.decode()));
  }

  set zoom(value) {
    const { scrollLeft, scrollTop, clientWidth, clientHeight, scrollWidth, scrollHeight } = this.#scroller;
    const [x, y] = [(scrollLeft + clientWidth / 2) / scrollWidth, (scrollTop + clientHeight / 2) / scrollHeight];
    this.#zoom = value;
    this.#lay();
    this.#scroller.scrollLeft = x * this.#scroller.scrollWidth - this.#scroller.clientWidth / 2;
    this.#scroller.scrollTop = y * this.#scroller.scrollHeight - this.#scroller.clientHeight / 2;
  }

  // Sets all sizes: the box is as large as the picture, or as large as there is room.
  #lay() {
    const room = this.#box.parentElement.clientWidth;
    const most = Math.max(LEAST, SHARE * innerHeight);
    const [width, height] = this.#size;
    const scale = this.#zoom ? this.#zoom / devicePixelRatio : Math.min(1, room / width, most / height);
    const [w, h] = [width * scale, height * scale];
    const isLarge = w > room + ROUND || h > most + ROUND;
    Object.assign(this.#box.style, { width: `${Math.min(w, room)}px`, height: `${Math.min(h, most)}px` });
    Object.assign(this.#pair.style, { width: `${w}px`, height: `${h}px` });
    this.#scroller.style.overflow = isLarge ? "auto" : "hidden";
    this.#box.classList.toggle("zoomed", isLarge);
    this.#pair.classList.toggle("pixels", scale * devicePixelRatio > 1);
    if (isLarge) {
      this.#scroller.tabIndex = 0;
      this.#scroller.setAttribute("role", "region");
      this.#scroller.setAttribute("aria-label", "Enlarged picture; arrow keys move it");
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) this.#scroller.removeAttribute(name);
    }
    this.#cut();
  }

  // Cuts both at the border, wherever the picture is scrolled to.
  #cut() {
    const at = Number(this.#slider.value);
    const border = this.#scroller.scrollLeft + (at / 100) * this.#scroller.clientWidth;
    const isAlone = this.#box.classList.contains("alone");
    this.#pair.style.setProperty("--border", isAlone ? "100%" : `${border}px`);
    this.#box.style.setProperty("--at", `${at}%`);
    this.#slider.setAttribute("aria-valuetext", `original ${at} %, result ${100 - at} %`);
  }

  // Moves the border, or a picture that is larger than the box, until the pointer is released. Fingers scroll by
  // themselves.
  #press(start) {
    if (start.button || this.#box.classList.contains("alone") && !this.#box.classList.contains("zoomed")) return;
    const isBorder = Boolean(start.target.closest(".divider")) || !this.#box.classList.contains("zoomed");
    if (!isBorder && start.pointerType !== "mouse") return;
    const { scrollLeft, scrollTop } = this.#scroller;
    const move = (event) => {
      if (isBorder) {
        const box = this.#box.getBoundingClientRect();
        this.#slider.value = (100 * (event.clientX - box.left)) / box.width;
        this.#cut();
      } else {
        this.#scroller.scrollLeft = scrollLeft + start.clientX - event.clientX;
        this.#scroller.scrollTop = scrollTop + start.clientY - event.clientY;
      }
    };
    const stop = new AbortController();
    const { signal } = stop;
    this.#box.setPointerCapture(start.pointerId);
    this.#box.addEventListener("pointermove", move, { signal });
    for (const end of ["pointerup", "pointercancel"]) {
      this.#box.addEventListener(end, () => stop.abort(), { signal });
    }
    if (isBorder) move(start);
    if (start.pointerType === "mouse") start.preventDefault(); // else the browser drags the image
    this.#slider.focus({ preventScroll: true, focusVisible: false });
  }
}
