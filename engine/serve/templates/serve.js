"use strict";
// What waits asks how far it is, and shows the page again when it is there; tables that are whole are sorted by their heads.

(() => {
  const PAUSE = 700; // milliseconds
  const waiting = [...document.querySelectorAll("[data-wait]")];

  const ask = async () => {
    try {
      const answers = await Promise.all(
        waiting.map(async (place) => {
          const answer = await (await fetch(place.dataset.wait)).json();
          const values = { name: place.dataset.name, done: answer.parts_done, total: answer.parts };
          if ("ready" in answer) place.textContent = place.dataset.said.replace(/\{(\w+)\}/g, (_, name) => values[name]);
          return answer;
        }),
      );
      if (answers.every((answer) => answer.ready || answer.error)) {
        location.reload();
        return;
      }
    } catch {
      // the server may be stopping: ask again
    }
    setTimeout(ask, PAUSE);
  };
  if (waiting.length) setTimeout(ask, PAUSE);

  const key = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.key ?? cell.textContent.trim();
    return text !== "" && cell.classList.contains("number") ? Number(text) : text;
  };

  // blanks come last, whichever way
  const compare = (column, down) => (a, b) => {
    const [x, y] = [key(a, column), key(b, column)];
    if (x === "" || y === "") return (x === "") - (y === "");
    const order = typeof x === "number" ? x - y : x.localeCompare(y);
    return down ? -order : order;
  };

  for (const table of document.querySelectorAll("[data-sorted]")) {
    const heads = table.tHead.rows[0].cells;
    [...heads].forEach((head, column) => {
      head.querySelector("button")?.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const down = before ? before === "ascending" : head.classList.contains("number");
        for (const one of heads) one.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare(column, down)));
      });
    });
  }
})();
