// What readers expect before they see it, and what they answer: predictions
// (_ext/predict.py), quizzes, exercises (_ext/answers_here.py). This browser
// alone keeps it.
(() => {
  const KEY = "relu-answers";
  const base = new URL(
    document.documentElement.dataset.content_root, location).href;
  const page = location.href.slice(base.length).replace(/\.html.*/, "");
  const load = () => {
    try {
      const found = JSON.parse(localStorage.getItem(KEY));
      return Object.assign(
        {}, found && !Array.isArray(found) ? Object(found) : {});
    } catch { return {}; }
  };
  const kept = name => load()[`${page} ${name}`];
  const keep = (name, answer) => {
    const all = load();
    if (answer === undefined) delete all[`${page} ${name}`];
    else all[`${page} ${name}`] = answer;
    // A browser may have no room, or refuse.
    try { localStorage.setItem(KEY, JSON.stringify(all)); } catch {}
    document.dispatchEvent(new Event("relu-answered"));
  };
  const make = (name, properties = {}, ...children) => {
    const node = Object.assign(document.createElement(name), properties);
    node.append(...children);
    return node;
  };
  const button = (text, click, className = "answer-button") => {
    const node = make("button", {type: "button", className}, text);
    node.addEventListener("click", click);
    return node;
  };
  const told = () => {
    const node = make("p", {className: "told"});
    node.setAttribute("role", "status");
    return node;
  };
  // Does something, and leaves a node where it is on the screen.
  const stay = (node, change) => {
    const {top} = node.getBoundingClientRect();
    change();
    scrollBy({
      top: node.getBoundingClientRect().top - top, behavior: "instant",
    });
  };
  const forgetting = [];

  // --- predictions ---

  const predict = box => {
    const {name, kind} = box.dataset;
    const details = box.querySelector("details.result");
    const summary = details.querySelector("summary");
    const inside = details.querySelector(".result-inside");
    const status = told();
    details.before(status);
    inside.tabIndex = -1;
    inside.setAttribute("role", "group");
    inside.setAttribute("aria-label", "The result");
    let answer, asks;
    const question = box.querySelector("p");
    question.id ||= `asks-${name}`;
    const show = () => {
      summary.textContent = details.open ? "The result" : answer === undefined
        && kind !== "none" ? "Just show me the result" : "Show the result";
    };
    const set = given => {
      answer = given;
      status.textContent = "";
      if (answer !== undefined)
        status.append("You expected: ", asks.say(answer), ". ",
          button("Ask me again", () => { forget(); asks.first().focus(); },
            "again"));
      asks.mark(answer);
      details.open = answer !== undefined;
      show();
    };
    const forget = () => { keep(name); set(); };
    const expect = given => {
      keep(name, given);
      stay(question, () => set(given));
      inside.focus({preventScroll: true});
    };
    // What asks is not there while the result shows (book.css); the fold
    // stays under the pointer.
    summary.addEventListener("click", event => {
      event.preventDefault();
      stay(summary, () => { details.open = !details.open; });
    });
    details.addEventListener("toggle", show);
    asks = ASKS[kind]?.(box, question, expect, status);
    show();
    if (!asks) return;
    asks.mark();
    forgetting.push(() => set());
    const before = kept(name);
    if (asks.fits(before)) set(before);
  };

  const choice = (box, question, expect) => {
    const list = box.querySelector("ul.options");
    const buttons = [...list.children].map((item, number) => {
      const node = button("", () => expect(number));
      // Its words may hold formulas.
      const paragraph = item.querySelector("p") ?? item;
      node.append(...paragraph.childNodes);
      return node;
    });
    const group = make("div", {className: "options"}, ...buttons);
    group.setAttribute("role", "group");
    group.setAttribute("aria-labelledby", question.id);
    list.replaceWith(group);
    return {
      first: () => buttons[0],
      fits: given => given in buttons && Number.isInteger(given),
      mark: () => {},
      say: given => {
        const words = make("strong");
        words.append(...buttons[given].cloneNode(true).childNodes);
        return words;
      },
    };
  };

  const read = text => {
    const plain = text.trim().replace(/\u2212/g, "-").replace(/\s*%$/, "");
    const parts = plain.split("/").map(part => part.trim());
    if (!parts.every(part => /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(part))
        || parts.length > 2) return NaN;
    return parts.length === 2 ? parts[0] / parts[1] : Number(parts[0]);
  };

  const number = (box, question, expect, status) => {
    const {unit} = box.dataset;
    const input = make("input", {type: "text", autocomplete: "off"});
    const form = make("form", {className: "ask"},
      make("label", {}, "Your guess ", input, unit ? ` ${unit}` : ""),
      make("button", {className: "answer-button"}, "Show the result"));
    input.inputMode = "decimal";
    input.setAttribute("aria-describedby", question.id);
    form.addEventListener("submit", event => {
      event.preventDefault();
      if (isNaN(read(input.value))) {
        status.textContent = "Write a number first, such as 40 or 0.5.";
        input.focus();
      } else expect(input.value.trim());
    });
    box.querySelector(".guess").replaceWith(form);
    return {
      first: () => input,
      fits: given => typeof given === "string" && !isNaN(read(given)),
      mark: given => { input.value = given ?? ""; },
      say: given => make("strong", {}, unit ? `${given} ${unit}` : given),
    };
  };

  // --- a line, drawn in the axes of the figure that waits ---

  const POINTS = 6;
  const SVG = "http://www.w3.org/2000/svg";
  const shape = (name, attributes) => {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes))
      node.setAttribute(key, value);
    return node;
  };
  const drawn = (box, question, expect, status) => {
    // A figure has a form for a phone beside the one for a desk, each with its
    // own axes; the style sheet shows one, and what is drawn stands in both.
    const figures = [...box.querySelectorAll("svg[data-axes]")];
    if (!figures.length) return;
    // Where an axis has the share t of its length; a scale is linear or log.
    const value = ([low, high, scale], t) => scale === "log"
      ? low * (high / low) ** t : low + (high - low) * t;
    const plain = (axis, t) => axis[2] === "log"
      ? `10 to the power ${Math.round(Math.log10(value(axis, t)))}`
        .replace("-", "\u2212")
      : String(Number(value(axis, t).toPrecision(2))).replace("-", "\u2212");
    // Where a curve would begin and end, within the margins of the axes.
    const at = [...Array(POINTS).keys()].map(
      i => (1 + 20 * i / (POINTS - 1)) / 22);
    const [[[, , ...across], [, , ...up]]] =
      JSON.parse(figures[0].dataset.axes);
    const label = figures[0].getAttribute("aria-label");
    // At the upper edge, which nobody takes for an answer.
    let heights = at.map(() => 1), moved = false;
    const move = (i, height) => {
      heights[i] = Math.min(1, Math.max(0, height));
      moved = true;
      draw();
    };

    const forms = figures.map(figure => {
      const [[[left, right], [bottom, top]]] = JSON.parse(figure.dataset.axes);
      const x = at.map(t => left + (right - left) * t);
      const y = t => bottom + (top - bottom) * t;
      const trace = given => given.map((t, i) => `${x[i]},${y(t)}`).join(" ");
      const pad = figure.cloneNode(true);
      pad.querySelectorAll("style, defs, .drawn").forEach(n => n.remove());
      pad.querySelectorAll("[clip-path]").forEach(
        n => n.removeAttribute("clip-path"));
      pad.removeAttribute("data-axes");
      pad.setAttribute("role", "group");
      pad.setAttribute("aria-labelledby", question.id);
      pad.lastElementChild.setAttribute("aria-hidden", "true");
      pad.classList.add("pad");
      // A point at the edge is whole.
      pad.style.overflow = "visible";
      const line = shape("polyline", {class: "expected"});
      pad.append(line);
      const points = at.map((t, i) => {
        const group = shape("g", {
          role: "slider", tabindex: 0, "aria-orientation": "vertical",
          "aria-valuemin": 0, "aria-valuemax": 100,
          "aria-label": `${across[3]} ${plain(across, t)}`.trim(),
        });
        group.append(shape("circle", {r: 20, class: "reach"}),
          shape("circle", {r: 5, class: "point"}));
        group.addEventListener("keydown", event => {
          const step = {
            ArrowUp: 0.02, ArrowRight: 0.02, ArrowDown: -0.02,
            ArrowLeft: -0.02, PageUp: 0.1, PageDown: -0.1, Home: -1, End: 1,
          }[event.key];
          if (!step) return;
          event.preventDefault();
          move(i, heights[i] + step);
        });
        pad.append(group);
        return group;
      });
      // The nearest point goes where the pointer is.
      let held;
      const follow = event => {
        const to = new DOMPoint(event.clientX, event.clientY)
          .matrixTransform(pad.getScreenCTM().inverse());
        held ??= x.reduce((best, here, i) =>
          Math.abs(here - to.x) < Math.abs(x[best] - to.x) ? i : best, 0);
        move(held, (to.y - bottom) / (top - bottom));
      };
      pad.addEventListener("pointerdown", event => {
        // A finger beside the points scrolls the page.
        if (event.pointerType === "touch"
            && !event.target.closest("[tabindex]")) return;
        held = points.indexOf(event.target.closest("[tabindex]"));
        if (held < 0) held = undefined;
        pad.setPointerCapture(event.pointerId);
        follow(event);
        points[held].focus({preventScroll: true});
        event.preventDefault();
      });
      pad.addEventListener("pointermove", event => {
        if (pad.hasPointerCapture(event.pointerId)) follow(event);
      });
      for (const name of ["pointerup", "pointercancel"])
        pad.addEventListener(name, () => { held = undefined; });

      const mine = shape("polyline", {class: "expected"});
      return {
        pad, first: points[0],
        draw: () => {
          line.setAttribute("points", trace(heights));
          points.forEach((group, i) => {
            group.setAttribute(
              "transform", `translate(${x[i]} ${y(heights[i])})`);
            group.setAttribute("aria-valuenow", Math.round(100 * heights[i]));
            group.setAttribute("aria-valuetext",
              `${up[3]} ${plain(up, heights[i])}`.trim());
          });
        },
        mark: given => {
          if (!given) mine.remove();
          else {
            mine.setAttribute("points", trace(given));
            figure.append(mine);
          }
          const words = given?.map((t, i) =>
            `${plain(across, at[i])}: ${plain(up, t)}`).join("; ");
          figure.setAttribute("aria-label",
            given ? `${label} Dotted, what you drew: ${words}.` : label);
        },
      };
    });
    const draw = () => forms.forEach(form => form.draw());
    const first = () => (forms.find(
      form => form.pad.getClientRects().length) ?? forms[0]).first;

    const ready = button("Show the result", () => {
      if (moved) expect(heights);
      else {
        status.textContent = "Move the points first.";
        first().focus();
      }
    });
    const how = make("p", {className: "how"}, "Move the points with the "
      + "pointer, or with the arrow keys.");
    box.querySelector(".guess").after(
      how, make("div", {}, ...forms.map(form => form.pad)), ready);
    draw();
    const fits = given => Array.isArray(given) && given.length === POINTS
      && given.every(t => t >= 0 && t <= 1);
    return {
      first, fits,
      mark: given => {
        heights = given ? [...given] : at.map(() => 1);
        moved = Boolean(given);
        draw();
        forms.forEach(form => form.mark(given));
      },
      say: () => make("strong", {}, "the dotted line in the figure below"),
    };
  };

  const ASKS = {choice, number, line: drawn};
  document.querySelectorAll(".predict").forEach(predict);

  // --- quizzes ---

  const quiz = (options, name) => {
    const status = told();
    status.classList.add("visually-hidden");
    options[0].before(status);
    const right = option =>
      /^Right/.test(option.querySelector("p").textContent);
    const choose = chosen => {
      options.forEach((option, number) => {
        option.open = number === chosen;
        if (option.open) option.dataset.right = right(option);
        else delete option.dataset.right;
      });
    };
    options.forEach((option, number) => {
      const summary = option.querySelector("summary");
      summary.addEventListener("click", event => {
        event.preventDefault();
        const chosen = option.open ? undefined : number;
        // What was open above is folded.
        stay(summary, () => choose(chosen));
        keep(name, chosen);
        status.textContent = chosen === undefined ? "" : right(option)
          ? "Right." : "Not quite.";
      });
    });
    forgetting.push(() => choose());
    const before = kept(name);
    if (before in options && Number.isInteger(before)) choose(before);
  };
  const groups = [];
  for (const option of document.querySelectorAll("#quiz > details")) {
    const before = option.previousElementSibling;
    if (groups.length && groups.at(-1).at(-1) === before)
      groups.at(-1).push(option);
    else groups.push([option]);
  }
  groups.forEach((options, number) => quiz(options, `quiz-${number + 1}`));

  // --- exercises on paper, by the checkers' own tables ---

  const near = ({rtol, atol}, given, wanted) =>
    given.every((one, i) => {
      const other = Number(Array.isArray(wanted) ? wanted[i] : wanted);
      return one === other || Number.isFinite(other)
        && Math.abs(one - other) <= atol + rtol * Math.abs(other);
    });
  const RIGHT = "Right.", NOT_YET = "Not yet: ", UNREAD = "Could not be read: ";
  // Returns the verdict on an answer, and what there is to say about it.
  const judge = (question, text) => {
    const {truth, hints, options} = question;
    if (options)
      return text in hints ? [NOT_YET, hints[text]] : [RIGHT, ""];
    const count = Array.isArray(truth) ? truth.length : 1;
    // Space parts numbers, too, but not a fraction or a number and its sign.
    const given = count === 1 ? [text.replace(/[[\]()]/g, " ")]
      : text.replace(/[[\]()]/g, " ").trim()
        .replace(/\s*([/%])/g, "$1").replace(/\/\s+/g, "/")
        .split(/\s*[,;]\s*|\s+/);
    const numbers = given.map(read);
    if (numbers.length !== count || numbers.some(isNaN)) return [UNREAD,
      `write ${question.what}; a fraction such as 2/3 will do.`];
    const sort = list => [...list].sort((one, other) => one - other);
    const asked = question.unordered ? sort(numbers) : numbers;
    if (near(question, asked, truth)) return [RIGHT, ""];
    const known = hints.find(([, wrong]) => near(question, asked, wrong));
    if (known) return [NOT_YET, known[0]];
    return [NOT_YET, count > 1
      && near(question, sort(numbers), sort(truth.map(Number)))
      ? "the numbers are right, their order is not." : question.hint];
  };

  const exercise = box => {
    const {questions, others, praise} = JSON.parse(box.dataset.table);
    const all = make("p", {className: "told"});
    all.setAttribute("role", "status");
    const right = new Set();
    const rows = questions.map(question => {
      const name = `${box.dataset.name} ${question.name}`;
      const {options} = question;
      const input = make(options ? "select" : "input");
      if (options) input.append(...["", ...options].map(
        text => make("option", {value: text}, text || "choose")));
      else Object.assign(input, {type: "text", autocomplete: "off"});
      const status = told();
      const row = make("form", {className: "ask"},
        make("label", {}, make("code", {}, question.name), " ", input),
        make("button", {className: "answer-button"}, "Check"));
      row.lastChild.setAttribute("aria-label", `Check ${question.name}`);
      if (!options) {
        const what = make("span", {className: "how"}, question.what);
        what.id = `what-${name.replace(" ", "-")}`;
        input.setAttribute("aria-describedby", what.id);
        row.lastChild.before(what);
      }
      row.addEventListener("submit", event => {
        event.preventDefault();
        const text = input.value.trim();
        keep(name, text || undefined);
        right.delete(question.name);
        if (!text) status.textContent = "Not attempted.";
        else {
          const [verdict, hint] = judge(question, text);
          if (verdict === RIGHT) right.add(question.name);
          status.textContent = verdict + hint;
        }
        all.textContent = others.length || right.size < questions.length
          ? "" : praise;
      });
      const before = kept(name);
      if (typeof before === "string") input.value = before;
      forgetting.push(() => {
        input.value = status.textContent = all.textContent = "";
      });
      return [row, status];
    });
    box.append(make("p", {}, "Answer here, if you work on paper; your browser "
      + "alone keeps it."), ...rows.flat(), all);
    if (others.length) {
      const names = others.flatMap(
        (name, i) => [i ? ", " : "", make("code", {}, name)]);
      box.append(make("p", {className: "how"}, ...names, ": the notebook's "
        + "checker looks at this."));
    }
    box.hidden = false;
  };
  document.querySelectorAll(".answers").forEach(exercise);

  // An address may name something in a result that waits.
  const reveal = () => {
    if (!location.hash) return;
    const node = document.getElementById(
      decodeURIComponent(location.hash.slice(1)));
    const folded = node?.closest("details.result:not([open])");
    if (!folded) return;
    folded.open = true;
    node.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  document.addEventListener("relu-forget", () => {
    try { localStorage.removeItem(KEY); } catch {}
    forgetting.forEach(forget => forget());
  });
})();
