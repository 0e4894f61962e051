
/* The editor: labels are an image of numbers, drawn over the picture; the program that serves the page keeps them. */
(() => {
  const get = (id) => document.getElementById(id);
  const [stage, sheet, viewer] = ["stage", "sheet", "viewer"].map(get);
  const rows = [...get("rows").tBodies[0].rows].sort((a, b) => Number(a.dataset.row) - Number(b.dataset.row));
  const all = JSON.parse(get("review-state").textContent).images;
  const canvas = Object.assign(document.createElement("canvas"), { id: "edit" });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const NEAR = 4; // px of the screen within which a pointer has not moved
  const CLOSE = 9; // px of the screen from the first corner at which a line is closed
  const now = { image: null, width: 0, height: 0, labels: null, pixels: null, chosen: 0, tool: "select", corners: [], free: false, fill: false };
  let queue = Promise.resolve();
  let down = null;

  /* What is said, and what can be pressed. */
  function tell(text, wrong = false) {
    get("told").textContent = text;
    get("told").classList.toggle("wrong", wrong);
  }
  const counted = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
  function numbers() {
    const top = now.labels.reduce((one, other) => (one > other ? one : other), 0);
    if (top > 2 ** 26) return [...new Set(now.labels)].filter(Boolean).sort((a, b) => a - b);
    const seen = new Uint8Array(top + 1);
    for (const own of now.labels) seen[own] = 1;
    return [...seen.keys()].filter((own) => own && seen[own]);
  }
  function tellHowFar() {
    const { done, accepted } = all[now.image];
    tell(`${counted(numbers().length, "object")}, ${counted(done, "step")}${accepted ? ", accepted" : ""}. All is kept.`);
  }
  function enable() {
    const one = all[now.image];
    const ready = now.labels !== null;
    get("undo").disabled = !ready || !one.done;
    get("redo").disabled = !ready || !one.undone;
    get("delete").disabled = get("tool-redraw").disabled = !ready || !now.chosen;
    get("tool-draw").disabled = get("accept").disabled = !ready;
    get("accept").textContent = one?.accepted ? "Take back" : "Accept, next";
    for (const tool of ["select", "draw", "redraw"]) get(`tool-${tool}`).setAttribute("aria-pressed", now.tool === tool);
    get("fill").setAttribute("aria-pressed", now.fill);
    get("hide").setAttribute("aria-pressed", canvas.hidden);
    stage.classList.toggle("drawing", now.tool !== "select");
    stage.classList.toggle("choosing", now.tool === "select");
  }
  function mark(image) {
    const { done, accepted, problem } = all[image];
    const head = rows[image].querySelector("th").dataset;
    head.howFar = accepted ? "accepted" : problem ? "" : done ? counted(done, "step") : "";
    head.accepted = accepted ? 1 : 0;
  }
  function markAll() {
    const accepted = all.filter((one) => one.accepted).length;
    get("accepted").value = accepted;
    get("accepted-words").textContent = `${accepted} of ${counted(all.length, "image")} accepted`;
    get("start").textContent = all.some((one) => one.done || one.accepted) ? "Go on" : "Begin";
    get("start").disabled = next() === undefined;
  }
  const next = () => rows.find((row, k) => !all[k].accepted && !all[k].problem && row.querySelector(".open"));

  /* Painting: outlines within objects, as on the page; the chosen one filled. */
  const LINE = 0xff009fe6;
  const CHOSEN = 0x9000d7ff;
  const shade = (n) => {
    const hue = (n * 0.6180339887498949) % 1;
    const part = (shift) => Math.round(255 * Math.min(1, Math.max(0, Math.abs(((hue + shift) % 1) * 6 - 3) - 1)));
    return (0x70000000 | (part(1 / 3) << 16) | (part(2 / 3) << 8) | part(0)) >>> 0;
  };
  function paint([top, left, bottom, right] = [0, 0, now.height, now.width]) {
    const { width, height, labels } = now;
    const ink = new Uint32Array(now.pixels.data.buffer);
    [top, left, bottom, right] = [Math.max(0, top - 1), Math.max(0, left - 1), Math.min(height, bottom + 1), Math.min(width, right + 1)];
    for (let y = top; y < bottom; y += 1) {
      for (let x = left, k = y * width + left; x < right; x += 1, k += 1) {
        const own = labels[k];
        if (own === 0) {
          ink[k] = 0;
        } else if ((x > 0 && labels[k - 1] !== own) || (x + 1 < width && labels[k + 1] !== own) || (y > 0 && labels[k - width] !== own) || (y + 1 < height && labels[k + width] !== own)) {
          ink[k] = own === now.chosen ? 0xffffffff : LINE;
        } else {
          ink[k] = own === now.chosen ? CHOSEN : now.fill ? shade(own) : 0;
        }
      }
    }
    if (right > left && bottom > top) canvas.getContext("2d").putImageData(now.pixels, 0, 0, left, top, right - left, bottom - top);
  }
  function boxOf(number) {
    const box = [now.height, now.width, 0, 0];
    for (let k = now.labels.indexOf(number); k >= 0; k = now.labels.indexOf(number, k + 1)) {
      const [y, x] = [Math.floor(k / now.width), k % now.width];
      [box[0], box[1], box[2], box[3]] = [Math.min(box[0], y), Math.min(box[1], x), Math.max(box[2], y + 1), Math.max(box[3], x + 1)];
    }
    return box;
  }
  function choose(number) {
    const before = now.chosen;
    now.chosen = number;
    if (before) paint(boxOf(before));
    if (number) paint(boxOf(number));
    if (!number && now.tool === "redraw") take("select");
    enable();
  }

  /* The line that is being drawn. */
  const scale = () => canvas.getBoundingClientRect().width / now.width || 1;
  function sketch(pointer = null) {
    svg.replaceChildren();
    if (!now.corners.length) return;
    const shape = document.createElementNS(svg.namespaceURI, "polygon");
    shape.setAttribute("points", [...now.corners, ...(pointer ? [pointer] : [])].map((one) => one.join(",")).join(" "));
    shape.setAttribute("class", "pencil");
    svg.append(shape);
    if (now.free) return;
    const dot = document.createElementNS(svg.namespaceURI, "circle");
    const [cx, cy] = now.corners[0];
    for (const [name, value] of Object.entries({ cx, cy, r: 4 / scale(), class: "pencil first" })) dot.setAttribute(name, value);
    svg.append(dot);
  }
  function cancel() {
    Object.assign(now, { corners: [], free: false });
    sketch();
  }
  function take(tool) {
    cancel();
    now.tool = tool;
    enable();
    if (tool !== "select") tell(tool === "draw" ? "Press and draw around the object, or click corner by corner." : "Draw the chosen object anew.");
  }
  function close() {
    const ring = now.corners;
    const kind = now.tool === "redraw" ? "redraw" : "add";
    cancel();
    if (ring.length < 3) return tell("A line around something has three corners at least.", true);
    send(kind, { rings: [ring.map((one) => one.map((v) => Math.round(v * 100) / 100))], ...(kind === "redraw" ? { object: now.chosen } : {}) });
    if (kind === "redraw") take("select");
  }

  /* Steps: one after the other; what is shown is what the program has kept. */
  const GONE = "Not kept: the program behind this page has ended. Start it again and open its new address; all steps before this one are there.";
  async function ask(path, body) {
    try {
      return await fetch(path, body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    } catch {
      tell(GONE, true);
      return null;
    }
  }
  function send(kind, more = {}) {
    const image = now.image;
    queue = queue.then(() => step(image, kind, more));
    return queue;
  }
  async function step(image, kind, more) {
    const answer = await ask("step", { image, kind, lines: all[image].lines, ...more });
    if (!answer) return false;
    const told = await answer.json();
    if (!answer.ok) {
      if (image === now.image) {
        await load(image);
        tell(told.error, true);
      }
      return false;
    }
    Object.assign(all[image], { done: told.done, undone: told.undone, accepted: told.accepted, lines: told.lines });
    mark(image);
    markAll();
    fresh(image);
    if (image === now.image) {
      const before = now.chosen;
      patch(told);
      if (kind === "add" || kind === "redraw") now.chosen = told.last;
      paint(told.box);
      if (before && before !== now.chosen) paint(boxOf(before));
      tellHowFar();
      enable();
    }
    return true;
  }
  function patch({ box: [top, left, bottom, right], labels }) {
    const bytes = Uint8Array.from(atob(labels), (one) => one.charCodeAt(0));
    const part = new Int32Array(bytes.buffer);
    const wide = right - left;
    for (let y = top; y < bottom; y += 1) now.labels.set(part.subarray((y - top) * wide, (y - top + 1) * wide), y * now.width + left);
    if (now.chosen && !now.labels.includes(now.chosen)) now.chosen = 0;
  }
  function fresh(image) {
    const outline = rows[image].querySelector('.thumb img[src*="outlines"]');
    if (outline) outline.src = `layers/${image}/outlines?v=${all[image].lines}`;
  }
  async function load(image) {
    const answer = await ask(`labels/${image}`);
    if (!answer || image !== now.image) return;
    if (!answer.ok) {
      tell((await answer.json()).error, true);
      return;
    }
    Object.assign(all[image], JSON.parse(answer.headers.get("X-Progress")));
    const content = await answer.arrayBuffer();
    if (image !== now.image) return;
    now.labels = new Int32Array(content);
    now.chosen = now.chosen && now.labels.includes(now.chosen) ? now.chosen : 0;
    now.pixels = new ImageData(now.width, now.height);
    paint();
    mark(image);
    tellHowFar();
    enable();
    canvas.dataset.ready = image;
  }
  sheet.addEventListener("drawn", ({ detail: { row, picture } }) => {
    const image = Number(row.dataset.row);
    sheet.append(canvas, svg);
    if (now.image === image) return;
    cancel();
    Object.assign(now, { image, width: picture.width, height: picture.height, labels: null, chosen: 0, tool: "select" });
    Object.assign(canvas, { width: picture.width, height: picture.height });
    delete canvas.dataset.ready;
    svg.setAttribute("viewBox", `0 0 ${picture.width} ${picture.height}`);
    tell("");
    enable();
    queue = queue.then(() => load(image));
  });
  viewer.addEventListener("close", cancel);

  /* The pointer: in the way of moving only while something is drawn. */
  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * now.width) / box.width, ((event.clientY - box.top) * now.height) / box.height];
  }
  const far = (one, other) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
  const mine = (event) => now.labels && now.tool !== "select" && event.button === 0 && !event.shiftKey;
  stage.addEventListener("pointerdown", (event) => {
    down = event;
    if (!mine(event)) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    stage.focus();
    stage.setPointerCapture(event.pointerId);
    const [x, y] = place(event);
    const [first] = now.corners;
    if (first && now.corners.length > 2 && Math.hypot(x - first[0], y - first[1]) * scale() < CLOSE) return close();
    now.corners.push([x, y]);
    sketch();
  }, { capture: true });
  stage.addEventListener("pointermove", (event) => {
    if (!now.corners.length || now.tool === "select") return;
    if (!event.buttons) return now.free || sketch(place(event));
    if (event.shiftKey || !down) return;
    event.stopImmediatePropagation();
    if (!now.free && (now.corners.length > 1 || far(event, down) < NEAR)) return;
    now.free = true;
    const passed = event.getCoalescedEvents?.() ?? [];
    now.corners.push(...(passed.length ? passed : [event]).map(place));
    sketch();
  }, { capture: true });
  stage.addEventListener("pointerup", (event) => {
    const begun = down;
    down = null;
    if (now.free) {
      event.stopImmediatePropagation();
      close();
    } else if (now.labels && now.tool === "select" && begun && far(event, begun) < NEAR) {
      const [x, y] = place(event).map(Math.floor);
      const within = x >= 0 && y >= 0 && x < now.width && y < now.height;
      choose(within ? now.labels[y * now.width + x] : 0);
    }
  }, { capture: true });
  stage.addEventListener("pointercancel", () => now.free && cancel(), { capture: true });
  stage.addEventListener("dblclick", () => now.corners.length > 2 && close());

  /* Buttons and keys. */
  async function accept() {
    const { accepted } = all[now.image];
    const done = await send(accepted ? "reopen" : "accept");
    if (done && !accepted && !get("next").disabled) get("next").click();
  }
  function erase() {
    if (now.chosen) send("delete", { object: now.chosen });
  }
  function stepTo(way) {
    const each = numbers();
    const at = each.indexOf(now.chosen);
    if (each.length) choose(at < 0 ? each.at(way > 0 ? 0 : -1) : each[(at + way + each.length) % each.length]);
  }
  const turn = (name) => {
    if (name === "fill") now.fill = !now.fill;
    else canvas.hidden = !canvas.hidden;
    paint();
    enable();
  };
  const ACTS = {
    "tool-select": () => take("select"), "tool-draw": () => take("draw"), "tool-redraw": () => take("redraw"), delete: erase,
    undo: () => send("undo"), redo: () => send("redo"), fill: () => turn("fill"), hide: () => turn("hide"), accept,
  };
  for (const [id, act] of Object.entries(ACTS)) get(id).addEventListener("click", act);
  const press = (id) => get(id).click();
  const KEYS = {
    v: () => press("tool-select"), d: () => press("tool-draw"), r: () => press("tool-redraw"), x: () => press("delete"), Delete: () => press("delete"),
    u: () => press("undo"), y: () => press("redo"), f: () => press("fill"), h: () => press("hide"), a: () => press("accept"), n: () => stepTo(1), p: () => stepTo(-1),
  };
  viewer.addEventListener("keydown", (event) => {
    if (!now.labels || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey) {
      const act = { z: event.shiftKey ? "redo" : "undo", y: "redo" }[key];
      if (!act) return;
      press(act);
    } else if (key === "Escape" && (now.corners.length || now.tool !== "select" || now.chosen)) {
      if (now.corners.length) cancel();
      else if (now.tool !== "select") take("select");
      else choose(0);
    } else if (key === "Backspace") {
      if (now.corners.length) {
        now.corners.pop();
        sketch();
      } else {
        press("delete");
      }
    } else if (key === "Enter" && now.corners.length) {
      close();
    } else if (KEYS[key] && !event.shiftKey) {
      KEYS[key]();
    } else {
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
  }, { capture: true });
  viewer.addEventListener("cancel", (event) => {
    if (now.corners.length || now.tool !== "select") event.preventDefault();
  });
  get("keys").textContent += " v chooses, d draws, r redraws, x deletes, u undoes, y does again, n and p go from object to object, a accepts; Shift and dragging moves while drawing.";

  /* The page. */
  get("start").addEventListener("click", () => next()?.querySelector(".open").click());
  get("finish").addEventListener("click", async () => {
    await queue;
    const answer = await ask("end", {});
    if (!answer?.ok) return;
    const text = `${get("accepted-words").textContent}. All is kept in ${document.querySelector(".work code").textContent}. This page can be closed.`;
    const over = Object.assign(document.createElement("main"), { className: "over" });
    over.append(Object.assign(document.createElement("h1"), { textContent: "Review ended" }), Object.assign(document.createElement("p"), { textContent: text }));
    document.body.replaceChildren(over);
  });
  /* Work beside: asked for once a second while it runs. */
  function curve(points) {
    const [wide, high, left, low] = [640, 200, 40, 26];
    const make = (tag, more, text = "") => {
      const made = document.createElementNS(svg.namespaceURI, tag);
      for (const [name, value] of Object.entries(more)) made.setAttribute(name, value);
      made.textContent = text;
      return made;
    };
    get("curve").hidden = points.length === 0;
    if (!points.length) return;
    const last = points.at(-1);
    const most = Math.max(...points.map((one) => one.validation), 1e-9);
    const x = (one) => left + (one.iteration / last.iteration) * (wide - left - 12);
    const y = (share) => high - low - share * (high - low - 14);
    const said = `score ${last.score.toFixed(3)}, loss ${last.validation.toFixed(3)} on images held out, at iteration ${last.iteration}`;
    const plot = make("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": `Curve of the training: ${said}` });
    plot.append(make("line", { x1: left, x2: wide - 12, y1: y(0), y2: y(0) }), make("line", { x1: left, x2: left, y1: y(0), y2: y(1) }));
    const along = (way) => points.map((one) => `${x(one)},${y(way(one))}`).join(" ");
    plot.append(make("polyline", { class: "loss", points: along((one) => one.validation / most) }), make("polyline", { points: along((one) => one.score) }));
    plot.append(make("circle", { cx: x(last), cy: y(last.score), r: 3.5 }));
    for (const [share, text] of [[0, "0"], [1, "1"]]) plot.append(make("text", { x: left - 8, y: y(share) + 4, "text-anchor": "end" }, text));
    plot.append(make("text", { x: wide - 12, y: high - 8, "text-anchor": "end" }, `iteration ${last.iteration}`));
    const words = Object.assign(document.createElement("figcaption"), { textContent: `Solid: score; dashed: loss (its highest: ${most.toFixed(3)}). Now ${said}.` });
    get("curve").replaceChildren(plot, words);
  }
  function showJob(job) {
    const running = Boolean(job.running);
    get("check").disabled = get("train").disabled = running;
    get("stop").disabled = !running;
    if (!job.verb) return;
    get("jobs").open = true;
    const notes = job.notes.at(-1);
    const ended = job.error || (job.verb === "train" ? "Trained." : "Checked.");
    get("job-words").textContent = running ? job.message || notes || "It begins, which takes some seconds." : ended;
    get("job-text").hidden = running || !job.result;
    get("job-text").textContent = [job.result, ...(job.verb === "train" ? job.notes : [])].join("\n");
    curve(job.curve);
    if (running) setTimeout(follow, 1000);
  }
  async function follow() {
    const answer = await ask("job");
    if (answer?.ok) showJob(await answer.json());
  }
  async function begin(kind, more = {}) {
    await queue;
    const answer = await ask("job", { kind, ...more });
    if (!answer) {
      get("job-words").textContent = GONE;
      return;
    }
    const told = await answer.json();
    if (answer.ok) return kind === "stop" || showJob(told);
    get("job-words").textContent = told.error;
  }
  get("check").addEventListener("click", () => begin("check"));
  get("train").addEventListener("click", () => begin("train", { minutes: Number(get("minutes").value) }));
  get("stop").addEventListener("click", () => begin("stop"));
  follow();
  all.forEach((_, image) => mark(image));
  markAll();
})();
