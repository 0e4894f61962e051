"use strict";
(() => {
  const get = (id) => document.getElementById(id);
  const make = (tag, more = {}, ...inside) => {
    const made = Object.assign(document.createElement(tag), more);
    made.append(...inside);
    return made;
  };
  const read = (id) => JSON.parse(get(id).textContent);
  const pictures = read("pictures");
  const objects = read("object-data");
  const table = get("rows");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const number = (value) => new Intl.NumberFormat("en", { maximumSignificantDigits: 5 }).format(value).replaceAll(",", " ");
  const counted = (n, what) => `${number(n)} ${what}${n === 1 ? "" : "s"}`;

  // Text in which something is looked for, and the place of each row among those that are shown.
  for (const row of rows) row.words = row.textContent.toLowerCase();
  const nameOf = (row) => row.querySelector("th").textContent;
  const pictureOf = (row) => pictures[Number(row.dataset.row)];
  const shown = () => [...body.rows].filter((row) => !row.hidden);

  /* Pictures come when their row does. */
  const THUMBS = ["image", "outlines", "truth", "mistakes"];
  function fill(row) {
    const box = row.querySelector(".open .thumb");
    if (!box || box.firstChild) return;
    const picture = pictureOf(row);
    const layers = picture.thumbs ?? picture.layers;
    const some = layers.image ? THUMBS : ["labels", ...THUMBS];
    for (const layer of some) {
      if (layers[layer] && !(layer === "outlines" && layers.truth && layers.mistakes)) {
        box.append(make("img", { src: layers[layer], alt: "", decoding: "async" }));
      }
    }
  }
  const watcher = new IntersectionObserver((seen) => {
    for (const one of seen) {
      if (one.isIntersecting) {
        fill(one.target);
        watcher.unobserve(one.target);
      }
    }
  }, { rootMargin: "600px" });
  rows.forEach((row) => watcher.observe(row));
  addEventListener("beforeprint", () => rows.forEach(fill));

  /* Headings stay in sight where the table is not to be moved sideways. */
  const holder = table.parentElement;
  const fit = () => holder.classList.toggle("fits", table.scrollWidth <= holder.clientWidth + 1);
  new ResizeObserver(fit).observe(holder);

  /* Sorting: a missing value comes last, whichever way. */
  function sortBy(heads, head, compare) {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const one of heads) one.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    return (a, b) => {
      const [one, other] = [compare(a), compare(b)];
      const none = (x) => x === undefined || x === null || x === "";
      if (none(one) || none(other)) return none(one) - none(other);
      const order = typeof one === "number" ? one - other : String(one).localeCompare(String(other), "en", { numeric: true });
      return down ? -order : order;
    };
  }
  heads.forEach((head, place) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const value = (row) => {
        const cell = row.cells[place];
        if (!head.dataset.numeric) return cell.dataset.value ?? cell.textContent.trim();
        return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
      };
      body.append(...[...body.rows].sort(sortBy(heads, head, value)));
      tell();
    });
  });

  /* Searching and filtering. */
  const controls = ["search", "flagged", "range", "least", "most"].map(get);
  const [search, flagged, range, least, most] = controls;
  function chosen() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const name = range?.selectedOptions[0]?.dataset.name;
    const place = name ? heads.findIndex((head) => head.dataset.name === name) : -1;
    const [low, high] = [least, most].map((one) => (one && one.value !== "" ? Number(one.value) : null));
    return (row) => {
      if (!words.every((word) => row.words.includes(word))) return false;
      if (flagged?.value && flagged.value !== (row.dataset.flagged ?? "0")) return false;
      if (place < 0 || (low === null && high === null)) return true;
      const value = row.cells[place].dataset.value;
      return value !== undefined && (low === null || Number(value) >= low) && (high === null || Number(value) <= high);
    };
  }
  function tell() {
    const left = shown().length;
    const by = heads.find((head) => head.hasAttribute("aria-sort"));
    const name = by?.textContent.trim().toLowerCase();
    const order = by ? `, by ${name}, ${by.getAttribute("aria-sort")}` : "";
    get("status").textContent = (left === rows.length ? counted(left, "image") : `${number(left)} of ${counted(rows.length, "image")}`) + order;
  }
  function filter() {
    const fits = chosen();
    for (const row of rows) row.hidden = !fits(row);
    tell();
  }
  for (const control of controls) control?.addEventListener("input", filter);
  tell();

  /* The viewer. */
  const BASES = ["image", "probability", "uncertainty"];
  const WORDS = {
    image: "image", probability: "probability", uncertainty: "uncertainty", labels: "objects in colours",
    outlines: document.body.dataset.kind === "consensus" ? "consensus" : "outlines", truth: "truth", mistakes: "missed and false",
  };
  // Layers of experts are called "expert NAME", and have a colour each, as they have in the pictures.
  const COLOURS = ["#009e73", "#cc79a7", "#f0e442", "#0072b2", "#d55e00", "#b4a0ff", "#96dc78", "#ff9696"];
  const experts = [...new Set(pictures.flatMap(({ layers }) => Object.keys(layers)))].filter((name) => !(name in WORDS));
  for (const name of experts) WORDS[name] = name.replace(/^expert /, "");
  const viewer = get("viewer");
  const stage = get("stage");
  const sheet = get("sheet");
  const state = { row: null, base: "image", over: new Set(["outlines", "truth", "mistakes"]), zoom: 1, x: 0, y: 0, mark: null };

  function switches(layers) {
    const have = Object.keys(layers);
    const order = Object.keys(WORDS).filter((name) => have.includes(name));
    const bases = order.filter((name) => BASES.includes(name));
    if (!bases.includes(state.base)) state.base = bases[0] ?? "";
    order.forEach((name, place) => {
      const isBase = BASES.includes(name);
      const input = make("input", {
        type: isBase ? "radio" : "checkbox", name: isBase ? "base" : name, value: name,
        checked: isBase ? state.base === name : state.over.has(name),
      });
      input.addEventListener("change", () => {
        if (isBase) state.base = name;
        else state.over[input.checked ? "add" : "delete"](name);
        draw();
      });
      const expert = name.startsWith("expert ");
      const swatch = make("span", { className: expert ? "swatch" : `swatch ${name}` });
      if (expert) swatch.style.background = COLOURS[have.filter((one) => one.startsWith("expert ")).indexOf(name) % COLOURS.length];
      if (name === "image") swatch.hidden = true;
      get(isBase ? "bases" : "overlays").append(make("label", {}, input, swatch, WORDS[name], make("kbd", { textContent: place + 1 })));
    });
    get("overlays").hidden = order.length === bases.length;
    get("bases").hidden = bases.length === 0;
  }
  function facts(row) {
    const found = get("facts");
    found.replaceChildren();
    row.querySelectorAll("td").forEach((cell) => {
      const text = cell.classList.contains("flags") ? [...cell.children].map((one) => one.textContent).join("; ") : cell.textContent.trim();
      if (cell.classList.contains("picture") || !text) return;
      found.append(make("dt", { textContent: heads[cell.cellIndex].textContent.trim() }), make("dd", { textContent: text }));
    });
  }
  function draw() {
    const { layers, width, height } = pictureOf(state.row);
    sheet.style.width = `${width}px`;
    sheet.style.height = `${height}px`;
    const wanted = [state.base, ...Object.keys(WORDS).filter((name) => !BASES.includes(name) && state.over.has(name))].filter((name) => layers[name]);
    sheet.replaceChildren(...wanted.map((name) => {
      const one = make("img", { src: layers[name], alt: "", draggable: false });
      one.dataset.layer = name;
      return one;
    }));
    if (state.mark) {
      const ring = make("span", { className: "mark" });
      const size = state.mark.size;
      Object.assign(ring.style, { left: `${state.mark.x - size / 2}px`, top: `${state.mark.y - size / 2}px`, width: `${size}px`, height: `${size}px` });
      sheet.append(ring);
    }
    stage.setAttribute("aria-label", `${nameOf(state.row)}: ${wanted.map((name) => WORDS[name]).join(", ")}`);
    // an editor, where there is one, draws over it
    sheet.dispatchEvent(new CustomEvent("drawn", { detail: { row: state.row, picture: pictureOf(state.row) } }));
    for (const input of viewer.querySelectorAll("fieldset input")) {
      input.checked = input.type === "radio" ? input.value === state.base : state.over.has(input.value);
    }
  }
  function place() {
    sheet.style.transform = `translate(${state.x}px, ${state.y}px) scale(${state.zoom})`;
    sheet.classList.toggle("near", state.zoom > 2);
    get("zoom").textContent = `${Math.round(state.zoom * 100)} %`;
  }
  function whole() {
    const { width, height } = pictureOf(state.row);
    state.zoom = Math.min(stage.clientWidth / width, stage.clientHeight / height);
    state.x = (stage.clientWidth - width * state.zoom) / 2;
    state.y = (stage.clientHeight - height * state.zoom) / 2;
    place();
  }
  function zoomBy(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
    const zoom = Math.min(64, Math.max(0.02, state.zoom * factor));
    state.x = x - ((x - state.x) * zoom) / state.zoom;
    state.y = y - ((y - state.y) * zoom) / state.zoom;
    state.zoom = zoom;
    place();
  }
  function lookAt(row, mark = null) {
    Object.assign(state, { row, mark });
    for (const id of ["bases", "overlays"]) get(id).querySelectorAll("label").forEach((one) => one.remove());
    const picture = pictureOf(row);
    get("viewer-name").textContent = nameOf(row);
    get("planes").textContent = picture.planes;
    get("its-objects").hidden = !objects.images.includes(nameOf(row));
    switches(picture.layers);
    facts(row);
    draw();
    if (!viewer.open) viewer.showModal();
    whole();
    if (mark) {
      const zoom = Math.min(state.zoom * 4, stage.clientHeight / (mark.size * 3));
      state.zoom = Math.max(state.zoom, zoom);
      state.x = stage.clientWidth / 2 - mark.x * state.zoom;
      state.y = stage.clientHeight / 2 - mark.y * state.zoom;
      place();
    }
    const all = openable();
    get("previous").disabled = all[0] === row;
    get("next").disabled = all.at(-1) === row;
  }
  const openable = () => shown().filter((row) => row.querySelector(".open"));
  function go(step) {
    const all = openable();
    const next = all[all.indexOf(state.row) + step];
    if (next) lookAt(next);
  }
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row?.querySelector(".open") && !String(getSelection())) lookAt(row);
  });
  body.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.matches(".open")) return;
    const all = openable();
    const next = all[all.indexOf(event.target.closest("tr")) + step];
    if (next) {
      next.querySelector(".open").focus();
      event.preventDefault();
    }
  });
  viewer.addEventListener("close", () => state.row?.querySelector(".open")?.focus());
  viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());
  const ACTS = { previous: () => go(-1), next: () => go(1), close: () => viewer.close(), in: () => zoomBy(1.5), out: () => zoomBy(1 / 1.5), whole };
  for (const [id, act] of Object.entries(ACTS)) get(id).addEventListener("click", act);
  get("its-objects").addEventListener("click", () => {
    const name = nameOf(state.row);
    viewer.close();
    get("only").value = name;
    listObjects(0);
    get("objects").focus();
  });
  const STEP = 80;
  const KEYS = {
    ArrowLeft: () => go(-1), ArrowRight: () => go(1), "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), 0: whole,
  };
  const MOVES = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
  viewer.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.shiftKey && MOVES[event.key]) {
      state.x += MOVES[event.key][0];
      state.y += MOVES[event.key][1];
      place();
    } else if (event.target.matches("input[type=radio]") && event.key.startsWith("Arrow")) {
      return;
    } else if (KEYS[event.key]) {
      KEYS[event.key]();
    } else if (/^[1-9]$/.test(event.key)) {
      viewer.querySelectorAll("fieldset input")[Number(event.key) - 1]?.click();
    } else {
      return;
    }
    event.preventDefault();
  });
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoomBy(Math.exp(-event.deltaY * 0.0016), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  const fingers = new Map();
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
    stage.classList.add("moving");
  });
  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const far = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      const box = stage.getBoundingClientRect();
      zoomBy(far(event) / Math.max(1, far(before)), (event.clientX + other.clientX) / 2 - box.left, (event.clientY + other.clientY) / 2 - box.top);
    } else {
      state.x += event.clientX - before.clientX;
      state.y += event.clientY - before.clientY;
      place();
    }
    fingers.set(event.pointerId, event);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, (event) => {
      fingers.delete(event.pointerId);
      if (!fingers.size) stage.classList.remove("moving");
    });
  }
  addEventListener("resize", () => viewer.open && whole());

  /* Objects: a page of the table at a time, whose rows are places in the columns. */
  const PER_PAGE = 50;
  const columns = new Map(objects.columns.map((one) => [one.name, one.values]));
  let order = [];
  let page = 0;
  const valueOf = (name, k) => (name === "image" ? objects.images[columns.get("image")[k]] : columns.get(name)[k]);
  const words = (value) => (value === null ? "" : typeof value === "number" ? number(value) : String(value));
  function listObjects(to) {
    if (!get("objects-table")) return;
    const only = get("only").value.toLowerCase();
    const all = only ? order.filter((k) => valueOf("image", k).toLowerCase().includes(only)) : order;
    const last = Math.max(0, Math.ceil(all.length / PER_PAGE) - 1);
    page = Math.min(Math.max(to, 0), last);
    const part = all.slice(page * PER_PAGE, (page + 1) * PER_PAGE);
    get("objects-table").tBodies[0].replaceChildren(...part.map((k) => {
      const cells = objects.columns.map(({ name }) => {
        const value = valueOf(name, k);
        return make("td", { textContent: words(value), className: typeof value === "number" ? "number" : "" });
      });
      const row = make("tr", { tabIndex: 0 }, ...cells);
      row.dataset.object = k;
      return row;
    }));
    const more = objects.total > order.length ? ` The first ${number(order.length)} of ${number(objects.total)} are listed here, the others are in the tables of the results.` : "";
    get("objects-status").textContent = counted(all.length, "object") + (only ? ` of ${number(order.length)}` : "") + `.${more}`;
    get("page-words").textContent = `page ${page + 1} of ${last + 1}`;
    get("before").disabled = page === 0;
    get("after").disabled = page === last;
  }
  function showObject(k) {
    const row = rows.find((one) => nameOf(one) === valueOf("image", k));
    if (!row?.querySelector(".open")) return;
    const at = (name) => (columns.has(name) ? columns.get(name)[k] : null);
    const flat = at("centroid_z") === null && at("centroid_y") !== null;
    const size = flat ? 1.5 * Math.max(12, at("bbox_y_max") - at("bbox_y_min"), at("bbox_x_max") - at("bbox_x_min")) : 0;
    lookAt(row, flat ? { x: at("centroid_x") + 0.5, y: at("centroid_y") + 0.5, size } : null);
  }
  function histogram() {
    const one = objects.columns.find((column) => column.name === get("measure").value);
    if (!one) return;
    const [wide, high, left, low] = [640, 190, 46, 26];
    const svg = (tag, more) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(more)) made.setAttribute(name, value);
      return made;
    };
    const top = Math.max(...one.counts);
    const step = (wide - left - 8) / one.counts.length;
    const [first, last] = [one.edges[0], one.edges.at(-1)];
    const along = (value) => left + ((value - first) / (last - first || 1)) * (wide - left - 8);
    const text = (x, y, said, anchor) => Object.assign(svg("text", { x, y, "text-anchor": anchor }), { textContent: said });
    const words = `${one.name}: ${number(first)} to ${number(last)}, median ${number(one.median)}` + (one.beyond ? `; ${counted(one.beyond, "object")} beyond, in the last bar` : "");
    const plot = svg("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": `Histogram of ${words}` });
    one.counts.forEach((count, k) => {
      const tall = (count / top) * (high - low - 12);
      const bar = svg("rect", { x: left + k * step + 0.5, y: high - low - tall, width: Math.max(0.5, step - 1), height: tall });
      bar.append(Object.assign(svg("title", {}), { textContent: `${number(one.edges[k])} to ${number(one.edges[k + 1])}: ${count}` }));
      plot.append(bar);
    });
    plot.append(svg("line", { x1: left, x2: wide - 8, y1: high - low, y2: high - low }));
    plot.append(svg("line", { class: "median", x1: along(one.median), x2: along(one.median), y1: 8, y2: high - low }));
    plot.append(text(left - 6, high - low, "0", "end"), text(left - 6, 20, number(top), "end"));
    plot.append(text(left, high - 8, number(first), "start"), text(wide - 8, high - 8, number(last), "end"), text((wide + left) / 2, high - 8, one.name, "middle"));
    get("histogram").replaceChildren(plot);
    get("histogram-words").textContent = `${words}.`;
  }
  if (get("objects-table")) {
    order = objects.columns[0].values.map((_, k) => k);
    const list = get("objects-table");
    const made = objects.columns.map(({ name, values }) => {
      const button = make("button", { type: "button", textContent: name });
      const head = make("th", { scope: "col", className: name !== "image" && values.some((one) => typeof one === "number") ? "number" : "" }, button);
      button.addEventListener("click", () => {
        order.sort(sortBy(made, head, (k) => valueOf(name, k)));
        listObjects(0);
      });
      return head;
    });
    list.tHead.rows[0].append(...made);
    const picked = (event) => event.target.closest("tbody tr")?.dataset.object;
    list.addEventListener("click", (event) => picked(event) && showObject(Number(picked(event))));
    list.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !picked(event)) return;
      event.preventDefault(); // which would press what has the focus next
      showObject(Number(picked(event)));
    });
    get("only").addEventListener("input", () => listObjects(0));
    get("before").addEventListener("click", () => listObjects(page - 1));
    get("after").addEventListener("click", () => listObjects(page + 1));
    const usual = ["area_um2", "volume_um3", "area_px", "iou"].find((name) => objects.columns.some((one) => one.name === name && one.counts));
    if (usual) get("measure").value = usual;
    get("measure").addEventListener("input", histogram);
    histogram();
    listObjects(0);
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
