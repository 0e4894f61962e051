"use strict";
(() => {
  const get = (id) => document.getElementById(id);
  const { columns, rows, others, stamp } = JSON.parse(get("link-data").textContent);
  const articles = [...document.querySelectorAll(".link")];

  /* What was said of each link, kept in this browser where it lets a page keep something. */
  const key = `cytoloom-links-${stamp}`;
  const keep = (text) => { try { localStorage.setItem(key, text); } catch { /* it does not */ } };
  const kept = () => { try { return JSON.parse(localStorage.getItem(key) ?? "{}"); } catch { return {}; } };
  const said = (article) => article.querySelector("input:checked")?.value ?? "";
  const field = (value) => (/[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value));

  /* A row of each link; of one that leads elsewhere, or there too, another with that end. */
  function corrections() {
    const found = [];
    articles.forEach((article) => {
      const k = Number(article.dataset.link);
      const value = said(article);
      const too = value.startsWith("+");
      const letter = too ? value.slice(1) : value;
      const object = others[k][letter];
      found.push([...rows[k], object === undefined ? value : too ? "yes" : "no"]);
      if (object !== undefined) {
        const other = [...rows[k]];
        other[columns.indexOf("object_to")] = object;
        other[columns.indexOf("p_wrong")] = "";
        found.push([...other, "yes"]);
      }
    });
    return found;
  }
  function conflicts(found) {
    const mothers = new Map();
    const [recording, from, source, to, target] = ["recording", "frame_from", "object_from", "frame_to", "object_to"].map((name) => columns.indexOf(name));
    for (const row of found.filter((one) => one.at(-1) === "yes")) {
      const cell = `object ${row[target]} of frame ${row[to]}`;
      const known = mothers.get(`${row[recording]}: ${cell}`) ?? { cell, from: new Set() };
      mothers.set(`${row[recording]}: ${cell}`, { cell, from: known.from.add(`${row[from]} ${row[source]}`) });
    }
    return [...mothers.values()].filter((one) => one.from.size > 1).map((one) => one.cell);
  }
  function told() {
    const found = corrections();
    const text = [[...columns, "right"], ...found].map((row) => row.map(field).join(",")).join("\n");
    get("corrections").href = `data:text/csv;charset=utf-8,${encodeURIComponent(`${text}\n`)}`;
    const looked = articles.filter((one) => said(one));
    for (const one of articles) one.classList.toggle("looked", said(one) !== "");
    get("status").textContent = `${looked.length} of ${articles.length} looked at`;
    const twice = conflicts(found);
    get("conflict").hidden = twice.length === 0;
    get("conflict").textContent = twice.length ? `Two links into one cell cannot both be right: ${twice.join(", ")}.` : "";
    keep(JSON.stringify(Object.fromEntries(looked.map((one) => [one.dataset.link, said(one)]))));
  }
  /* Where there is no room for all frames, those of the link come first. */
  for (const one of document.querySelectorAll(".wide[data-start]")) {
    one.scrollLeft = Number(one.dataset.start) * one.scrollWidth;
  }
  if (articles.length) {
    const before = kept();
    for (const article of articles) {
      const value = before[article.dataset.link] ?? "";
      for (const input of article.querySelectorAll("input")) input.checked = input.value === value;
      if (!article.querySelector("input:checked")) article.querySelector('input[value=""]').checked = true;
      article.addEventListener("change", told);
    }
    get("clear").addEventListener("click", () => {
      for (const input of document.querySelectorAll(".said input")) input.checked = input.value === "";
      told();
    });
    told();
  }

  /* What is copied is selected, too: where a page may not copy, Ctrl-C does. */
  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", async () => {
      const source = get(button.dataset.from);
      getSelection().selectAllChildren(source);
      const copied = button.parentElement.querySelector(".copied");
      try {
        await navigator.clipboard.writeText(source.innerText);
        copied.textContent = "copied";
      } catch {
        copied.textContent = document.execCommand("copy") ? "copied" : "selected: copy it with Ctrl-C";
      }
    });
  }
})();
