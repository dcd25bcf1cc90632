// Sphinx's own scores for the results of a search; and before all others
// what has the query in its title, chapters before what belongs to them.
var Scorer = {
  score: ([name, title, , , score]) => {
    const query = new URLSearchParams(location.search).get("q");
    const named = title.toLowerCase().includes(query.toLowerCase().trim());
    return score + 20 * named
      - 15 * /exercises|solutions|in_depth/.test(name);
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
