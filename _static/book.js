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
