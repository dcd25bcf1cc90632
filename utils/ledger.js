// Filter the rows of the ledger, and open the one that an address names.
(root => {
  const form = root.querySelector("form");
  const {verdict, part, sought} = form.elements;
  const rows = [...root.querySelectorAll("table.ledger > tbody")];
  const words = text => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const told = new Map(rows.map(row => [row, words(
    [...row.querySelectorAll(".sought")].map(n => n.textContent).join(" "))]));
  const show = () => {
    const wanted = words(sought.value);
    for (const row of rows)
      row.hidden = !(
        (!verdict.value || row.dataset.verdict === verdict.value)
        && (!part.value || row.dataset.parts.split("|").includes(part.value))
        && wanted.every(w => told.get(row).some(t => t.startsWith(w))));
    const left = rows.filter(row => !row.hidden).length;
    form.querySelector("output").textContent =
      `${left} of ${rows.length} claims`
      + (left ? "" : ": \u201cShow all\u201d brings them back");
  };
  const all = () => { form.reset(); show(); };
  const go = () => {
    const row = rows.find(row => `#${row.id}` === location.hash);
    if (!row) return;
    if (row.hidden) all();
    row.querySelector("details").open = true;
    row.scrollIntoView();
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", event => event.preventDefault());
  form.querySelector("button").addEventListener("click", all);
  addEventListener("hashchange", go);
  all();
  go();
})(document.currentScript.parentElement);
