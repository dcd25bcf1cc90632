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
  document.querySelectorAll(".formula, .pst-scrollable-table-container")
    .forEach(box => wide.observe(box));
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

// On a page without contents, Bootstrap would take all its links for contents,
// and stumble over an address that is no name of a heading.
if (!document.querySelector(".bd-toc-nav"))
  document.body.removeAttribute("data-bs-spy");

// Which pages were read, in this browser alone. A page counts when its summary
// or its end was on the screen.
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
    strip.querySelector("button").hidden = !read.size;
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
    set(() => read.clear());
    document.dispatchEvent(new Event("relu-forget"));
    (box ?? document.querySelector(".chapters a")).focus();
  });
  show();
  if (!box) return;
  box.addEventListener("change", () => set(
    () => read[box.checked ? "add" : "delete"](page)));
  const seen = new IntersectionObserver(entries => {
    if (!entries.some(entry => entry.isIntersecting)) return;
    seen.disconnect();
    set(() => read.add(page));
  });
  seen.observe(strip);
  const summary = document.querySelector("#summary > h2");
  if (summary) seen.observe(summary);
})();
