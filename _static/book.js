// What the page does beyond the theme, in a few lines.
(root => {
  // A definition stands above its term where there is no room below, and
  // goes away on Escape.
  const show = event => {
    const term = event.target.closest?.(".bd-article a[aria-describedby]");
    if (!term) return;
    delete root.dataset.quiet;
    const note = term.nextElementSibling;
    note.classList.remove("above");
    const low = note.getBoundingClientRect().bottom > innerHeight;
    note.classList.toggle("above", low);
  };
  document.addEventListener("pointerover", show);
  document.addEventListener("focusin", show);
  // The search field gives the focus back to where it came from.
  const search = document.querySelector(".search-button__wrapper");
  let before;
  search?.addEventListener("focusin", event => {
    before = event.relatedTarget ?? before;
  });
  document.addEventListener("keydown", event => {
    if (event.key !== "Escape") return;
    root.dataset.quiet = "";
    if (search?.contains(event.target)) before?.focus();
  });
  // What is too wide can be reached, and so scrolled, by keyboard.
  const wide = new ResizeObserver(entries => {
    for (const { target } of entries)
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
  });
  document.querySelectorAll(
    ".formula, .pst-scrollable-table-container, article pre")
    .forEach(box => wide.observe(box));
  // A formula is copied as LaTeX: its signs alone would run together.
  document.addEventListener("copy", event => {
    const selection = getSelection();
    if (!selection.rangeCount) return;
    const range = selection.getRangeAt(0).cloneRange();
    const whole = node => (node.closest ? node : node.parentElement)
      .closest("math[alttext]");
    const [first, last] =
      [whole(range.startContainer), whole(range.endContainer)];
    if (first) range.setStartBefore(first);
    if (last) range.setEndAfter(last);
    // Where it is not to be seen, it has the lines of a page.
    const box = document.createElement("div");
    box.style.cssText = "height: 0; overflow: hidden; position: absolute";
    box.append(range.cloneContents());
    const formulas = box.querySelectorAll("math[alttext]");
    if (!formulas.length) return;
    event.clipboardData.setData("text/html", box.innerHTML);
    for (const formula of formulas) {
      const sign = formula.getAttribute("display") ? "$$" : "$";
      formula.replaceWith(sign + formula.getAttribute("alttext") + sign);
    }
    document.querySelector("article").append(box);
    event.clipboardData.setData("text/plain", box.innerText.trim());
    box.remove();
    event.preventDefault();
  });
  // Paper is white, and cannot be unfolded.
  let theme, folded;
  addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    root.dataset.theme = "light";
    folded = [...document.querySelectorAll("article details:not([open])")];
    folded.forEach(details => { details.open = true; });
    // Not every browser waits for pictures that would load when scrolled to.
    document.querySelectorAll("img[loading=lazy]")
      .forEach(image => { image.loading = "eager"; });
  });
  addEventListener("afterprint", () => {
    root.dataset.theme = theme;
    folded.forEach(details => { details.open = false; });
  });
})(document.documentElement);

// The contents mark the part that one reads. Bootstrap, which would, marks the
// next one where a part is short, and cannot tell which one was asked for at
// the end of a page.
document.body.removeAttribute("data-bs-spy");
(() => {
  const links = [...document.querySelectorAll(".bd-toc-nav ul.visible > li > a")]
    .filter(link => link.hash.length > 1);
  if (!links.length) return;
  const named = hash => document.getElementById(decodeURIComponent(hash.slice(1)));
  const parts = links.map(link => named(link.hash));
  const top = part => part.getBoundingClientRect().top;
  const root = document.documentElement;
  let asked;
  const mark = () => {
    const line = parseFloat(getComputedStyle(root).scrollPaddingTop) + 24;
    let at = parts.findLastIndex(part => top(part) <= line);
    // Near its end a page cannot scroll on.
    const end = scrollY + innerHeight >= root.scrollHeight - 2;
    if (end) at = parts.length - 1;
    // What was asked for counts as long as it is there.
    const wanted = parts.indexOf(asked);
    if (wanted >= 0 && top(asked) >= 0
        && top(asked) < innerHeight * (end ? 1 : 0.5)) at = wanted;
    links.forEach((link, i) => {
      link.classList.toggle("active", i === at);
      if (i === at) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  };
  const ask = () => {
    asked = location.hash && named(location.hash);
    mark();
  };
  let soon;
  const later = () => { soon ??= requestAnimationFrame(() => {
    soon = undefined;
    mark();
  }); };
  addEventListener("scroll", later, { passive: true });
  addEventListener("resize", later);
  document.addEventListener("toggle", later, true);
  addEventListener("hashchange", ask);
  addEventListener("load", ask);
  ask();
})();

// The list of pages stays hidden on the next page, if it was; the page itself
// sees to that before it is painted (_templates/layout.html).
(() => {
  const box = document.getElementById("pst-primary-sidebar-checkbox");
  const wide = matchMedia("(min-width: 992px)");
  const hidden = () => localStorage.getItem("relu-sidebar") === "hidden";
  document.querySelector(".primary-toggle")?.addEventListener("click", () =>
    // The theme's own handler comes first.
    setTimeout(() => {
      if (!wide.matches) return;
      try {
        localStorage.setItem("relu-sidebar", box.checked ? "hidden" : "shown");
      } catch {}
    }));
  // The same box opens the list on a narrow screen.
  wide.addEventListener("change", () => {
    box.checked = wide.matches && hidden();
  });
})();

// Which pages were read, in this browser alone: those that a reader has marked.
(() => {
  const KEY = "relu-read";
  const load = () => {
    try { return new Set(JSON.parse(localStorage.getItem(KEY))); }
    catch { return new Set(); }
  };
  const base = new URL(
    document.documentElement.dataset.content_root, location).href;
  const links = document.querySelectorAll(
    ".bd-sidebar-primary .bd-links a, .chapters a");
  const strip = document.querySelector(".reading");
  const page = strip?.dataset.page;
  const box = strip?.querySelector("input");
  let read = load();
  // What there is to forget beside (answers.js).
  const answered = () => {
    try { return (localStorage.getItem("relu-answers") ?? "{}") !== "{}"; }
    catch { return false; }
  };
  const show = () => {
    for (const link of links) {
      const name = link.href.slice(base.length).replace(/\.html.*/, "");
      const tick = link.querySelector(".read");
      if (tick && !read.has(name)) tick.remove();
      if (tick || !read.has(name)) continue;
      const mark = document.createElement("span");
      mark.className = "read";
      mark.innerHTML = '<span class="visually-hidden"> (read)</span>';
      link.append(mark);
    }
    if (!strip) return;
    if (box) box.checked = read.has(page);
    strip.querySelector("button").hidden = !read.size && !(box && answered());
    strip.hidden = !box && !read.size;
  };
  const set = change => {
    // Another page may have been read meanwhile.
    read = new Set([...read, ...load()]);
    change();
    // A browser may have no room, or refuse.
    try { localStorage.setItem(KEY, JSON.stringify([...read])); } catch {}
    show();
  };
  addEventListener("storage", () => { read = load(); show(); });
  // A browser that goes back to a page may show its boxes as they were.
  addEventListener("pageshow", event => {
    if (event.persisted) read = load();
    show();
  });
  strip?.querySelector("button").addEventListener("click", () => {
    document.dispatchEvent(new Event("relu-forget"));
    set(() => read.clear());
    (box ?? document.querySelector(".chapters a")).focus();
  });
  document.addEventListener("relu-answered", show);
  show();
  if (!box) return;
  box.addEventListener("change", () => set(
    () => read[box.checked ? "add" : "delete"](page)));
})();
