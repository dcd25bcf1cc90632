// Sphinx's own scores for the results of a search; and before all others
// what has the query in its title, or treats the term of the glossary that the
// query names; chapters before what belongs to them, and before lists.

// What else readers call a thing, and the book's word for it.
const ALIASES = [
  [/(\w{3})iz(e[drs]?|ers|ing|ations?)\b/g, "$1is$2"],
  [/\b(batch|layer)[ -]?norms?\b/g, "$1 normalisation"],
  [/\b(dead|dying|silent) (neuron|node)s?\b/g, "dead unit"],
  [/\b(lr|step size)\b/g, "learning rate"],
  [/\bparametric relu\b/g, "prelu"],
  [/\bsilu\b/g, "swish"],
  [/\bhard[ -](swish|silu)\b/g, "hardswish"],
  [/\b(kaiming|he)( init\w*)\b|\bkaiming\b/g, "he initialisation"],
  [/\b(glorot|xavier)( init\w*)?\b/g, "xavier initialisation"],
  [/\bback-?prop\b/g, "backpropagation"],
  [/\b(cnn|conv ?net)s?\b/g, "convolution"],
  [/\bresnets?\b/g, "residual connection"],
];

const inTheBooksWords = query => ALIASES.reduce(
  (text, [name, word]) => text.replace(name, word),
  query.toLowerCase().trim());

// Where the glossary (_ext/definitions.py) says that a query is treated.
const homes = query => {
  const found = Object.keys(HOMES)
    .filter(term => [term, `${term}s`].some(
      words => ` ${query} `.includes(` ${words} `)))
    .sort((a, b) => b.length - a.length);
  return HOMES[found[0]] ?? [];
};

var Scorer = {
  score: ([name, title, anchor, , score]) => {
    const asked = new URLSearchParams(location.search).get("q");
    const query = inTheBooksWords(asked);
    const heading = title.toLowerCase();
    const named = heading.includes(query)
      || heading.includes(asked.toLowerCase().trim());
    return score + 20 * named
      + 16 * (homes(query).includes(name) && !anchor)
      - 15 * /exercises|solutions|in_depth/.test(name)
      - 4 * /bibliography|glossary|index|about|teaching/.test(name);
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
