"use strict";
(() => {
  const get = (id) => document.getElementById(id);
  const wells = JSON.parse(get("well-data").textContent);
  const marks = [...document.querySelectorAll(".well")];

  /* A well is chosen: its cells are shown, and arrows go on from it. */
  const choose = (mark, focus) => {
    for (const one of marks) {
      one.setAttribute("aria-pressed", String(one === mark));
      one.setAttribute("tabindex", one === mark ? "0" : "-1");
    }
    const well = wells[Number(mark.dataset.well)];
    get("well-name").textContent = well.name;
    get("well-facts").textContent = well.facts;
    for (const kind of ["novel", "typical"]) {
      const picture = get(`well-${kind}`);
      if (!picture) continue;
      picture.parentElement.hidden = !well[kind];
      if (well[kind]) picture.src = well[kind];
      picture.alt = `${kind === "novel" ? "The most novel" : "Typical"} cells of ${well.name}`;
    }
    get("well").hidden = false;
    if (focus) mark.focus();
  };

  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const beside = (mark, [down, right]) => {
    const same = marks.filter((one) => one.parentElement === mark.parentElement);
    const at = (one) => [Number(one.dataset.row), Number(one.dataset.column)];
    const [row, column] = at(mark);
    const ahead = same.filter((one) => {
      const [r, c] = at(one);
      return down ? c === column && (r - row) * down > 0 : r === row && (c - column) * right > 0;
    });
    const far = (one) => Math.abs(at(one)[0] - row) + Math.abs(at(one)[1] - column);
    return ahead.sort((one, other) => far(one) - far(other))[0];
  };
  for (const mark of marks) {
    mark.addEventListener("click", () => choose(mark, true));
    mark.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        choose(mark, true);
      }
      const next = event.key in steps && beside(mark, steps[event.key]);
      if (next) {
        event.preventDefault();
        choose(next, true);
      }
    });
  }
  const first = marks.find((one) => wells[Number(one.dataset.well)].first);
  if (first) choose(first, false);

  for (const choice of document.querySelectorAll("input[name=shown]")) {
    choice.addEventListener("change", () => {
      const shown = Number(choice.value);
      for (const mark of marks) {
        const { fills } = wells[Number(mark.dataset.well)];
        mark.querySelector("rect").setAttribute("fill", fills[shown]);
      }
      document.querySelectorAll(".ends").forEach((ends, k) => { ends.hidden = k !== shown; });
    });
  }

  /* What is copied is selected, too: where a page may not copy, Ctrl-C does. */
  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", async () => {
      const source = get(button.dataset.from);
      getSelection().selectAllChildren(source);
      const said = button.parentElement.querySelector(".copied");
      try {
        await navigator.clipboard.writeText(source.innerText);
        said.textContent = "copied";
      } catch {
        said.textContent = document.execCommand("copy") ? "copied" : "selected: copy it with Ctrl-C";
      }
    });
  }
})();
