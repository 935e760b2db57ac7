"use strict";
// Draws the page's charts, in the colours of the page's light or dark, and lets its tables be searched and sorted.

(() => {
  const content = (id) => JSON.parse(document.getElementById(id).textContent);

  // ---------------------------------------------------------------------------------------------- charts

  const INK = "#7a7a7a"; // of charts' texts (plots/style.py): a grey that the page's own ink takes the place of
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const inked = []; // [model, property]: what has the ink's colour
  const drawn = [];

  const paint = (ink) => {
    for (const [model, name] of inked) model[name] = ink;
  };
  const follow = () => paint(dark.matches ? "#d3d8de" : "#3b424b");

  const find = (view) => {
    for (const model of view.model.document.all_models) {
      for (const property of model) {
        let value;
        try {
          value = property.get_value();
        } catch {
          continue; // not set
        }
        // glyphs, whose colours are {value: …}, keep it: they are not painted anew at once
        if (typeof value === "string" && value.toLowerCase() === INK) inked.push([model, property.attr]);
      }
    }
  };

  const draw = async () => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      const manager = await Bokeh.embed.embed_item(content(place.dataset.chart), place);
      for (const view of manager) {
        find(view);
        drawn.push(view);
      }
    }
    follow();
    document.documentElement.dataset.drawn = "all";
  };

  dark.addEventListener("change", follow);
  // paper is white, and does not wait until charts are painted at their own time
  addEventListener("beforeprint", () => {
    paint("#26303a");
    for (const view of drawn) view.paint?.();
  });
  addEventListener("afterprint", follow);
  if (globalThis.Bokeh) draw();

  // ---------------------------------------------------------------------------------------------- tables

  const cell = (content, first) => {
    const made = document.createElement(first ? "th" : "td");
    if (first) made.scope = "row";
    if (content.length > 1) made.className = "number";
    made.textContent = content[0];
    return made;
  };

  // blanks come last, whichever way
  const compare = (column, down) => (a, b) => {
    const [x, y] = [a[column], b[column]].map((one) => (one.length > 1 ? one[1] : one[0]));
    if (x === null || x === "" || y === null || y === "") return (x === null || x === "") - (y === null || y === "");
    const order = typeof x === "number" ? x - y : x.localeCompare(y);
    return down ? -order : order;
  };

  const live = (place) => {
    const { rows, first } = content(place.dataset.grid);
    const [body, heads] = [place.querySelector("tbody"), place.querySelectorAll("thead th")];
    const [search, more, said] = [place.querySelector("input[type=search]"), place.querySelector(".more"), place.querySelector(".shown")];
    let [found, most] = [rows, first];

    const show = () => {
      const shown = found.slice(0, most);
      body.replaceChildren(
        ...shown.map((row) => {
          const line = document.createElement("tr");
          line.append(...row.map((one, place) => cell(one, place === 0)));
          return line;
        }),
      );
      const counts = { shown: shown.length, all: rows.length };
      said.textContent = place.dataset.said.replace(/\{(\w+)\}/g, (_, name) => counts[name].toLocaleString("en"));
      more.hidden = shown.length === found.length;
    };

    const look = () => {
      const wanted = search ? search.value.trim().toLocaleLowerCase() : "";
      found = rows.filter((row) => row.some((one) => one[0].toLocaleLowerCase().includes(wanted)));
      show();
    };

    heads.forEach((head, column) => {
      head.querySelector("button")?.addEventListener("click", () => {
        const numbers = rows.some((row) => row[column].length > 1);
        const before = head.getAttribute("aria-sort");
        const down = before ? before === "ascending" : numbers;
        for (const one of heads) one.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        rows.sort(compare(column, down));
        look();
      });
    });
    search?.addEventListener("input", look);
    more.addEventListener("click", () => {
      most += 10 * first;
      show();
    });
    show();
  };

  document.querySelectorAll("[data-grid]").forEach(live);
})();
