// Filters, keys and what lies behind a cell. The page is whole without it.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const text = (n) => data.strings[n];
  const matrix = data.kind === "matrix";
  const dialog = document.getElementById("behind");
  const form = document.getElementById("filters");
  const buttons = [...document.querySelectorAll("button[data-c]")];

  // One shape for the cells of both pages.
  const cells = data.cells.map((c) => matrix ? {
    from: data.releases[c.from], to: data.releases[c.to], machine: data.machines[c.machine],
    scenario: data.scenarios[c.scenario], verdict: text(c.verdict), standing: text(c.standing),
    device: (c.about ?? []).map(text), raw: c,
    key: `${data.releases[c.from]}/${data.machines[c.machine]}.${data.scenarios[c.scenario]}/${data.releases[c.to]}`,
  } : {
    from: data.releases[c[1]], to: data.releases[c[2]], verdict: text(c[3]), standing: text(c[5]),
    device: [data.devices[c[0]]], raw: c, key: `${data.devices[c[0]]}/${data.releases[c[1]]}/${data.releases[c[2]]}`,
  });
  const byKey = new Map(cells.map((cell, at) => [cell.key, at]));

  const make = (name, properties, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(properties ?? {})) element.setAttribute(key, value);
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  };

  for (const button of buttons) {
    const cell = cells[button.dataset.c];
    const standing = cell.standing !== "good" ? `, ${cell.standing}` : "";
    const label = `${matrix ? "" : `${cell.device[0]}, `}${cell.from} into ${cell.to}: ${cell.verdict}${standing}`;
    button.setAttribute("aria-label", label);
    button.title = label;
    button.type = "button";
  }

  // ---- The address: filters and the open cell, so that both can be handed on.
  const asked = () => new URLSearchParams(location.hash.slice(1));
  let open = null;
  const address = () => {
    const parts = new URLSearchParams();
    for (const select of form.querySelectorAll("select")) if (select.value) parts.set(select.id, select.value);
    const verdicts = [...form.querySelectorAll("input:checked")].map((box) => box.value);
    if (verdicts.length) parts.set("verdict", verdicts.join(","));
    if (open !== null) parts.set("cell", cells[open].key);
    history.replaceState(null, "", `#${parts.toString().replaceAll("%2F", "/").replaceAll("%2C", ",")}`);
  };

  // ---- Filters.
  const filter = () => {
    const value = (id) => document.getElementById(id)?.value ?? "";
    const [release, side, machine, device, standing] = ["release", "side", "machine", "device", "standing"].map(value);
    const verdicts = new Set([...form.querySelectorAll("input:checked")].map((box) => box.value));
    const fits = (cell) =>
      (!release || (side !== "destination" && cell.from === release) || (side !== "source" && cell.to === release)) &&
      (!machine || cell.machine === machine) &&
      (!device || cell.device.includes(device)) &&
      (!standing || cell.standing === standing) &&
      (!verdicts.size || verdicts.has(cell.verdict));
    const shown = new Set();
    cells.forEach((cell, at) => { if (fits(cell)) shown.add(at); });
    for (const button of buttons) button.classList.toggle("off", !shown.has(Number(button.dataset.c)));
    const empty = (element) => { element.hidden = !element.querySelector("button[data-c]:not(.off)"); };
    if (!matrix) document.querySelectorAll(".grid tbody tr").forEach(empty);
    document.querySelectorAll("figure.grid, section.machine, section.platform").forEach(empty);
    document.getElementById("count").textContent =
      shown.size === cells.length ? `${cells.length} cells` : `${shown.size} of ${cells.length} cells`;
  };
  form.hidden = false;
  form.addEventListener("input", () => { filter(); address(); });
  form.addEventListener("reset", () => setTimeout(() => { filter(); address(); }));
  form.addEventListener("submit", (event) => event.preventDefault());

  // ---- Keys: one stop for each grid, arrows inside it.
  for (const table of document.querySelectorAll("figure.grid table")) {
    const own = [...table.querySelectorAll("button[data-c]")];
    own.forEach((button, at) => { button.tabIndex = at === 0 ? 0 : -1; });
    table.addEventListener("keydown", (event) => {
      const button = event.target.closest("button[data-c]");
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!button || !(step || event.key === "Home" || event.key === "End")) return;
      event.preventDefault();
      const td = button.parentElement, tr = td.parentElement, rows = [...tr.parentElement.rows].filter((row) => !row.hidden);
      let row = rows.indexOf(tr), column = td.cellIndex;
      if (event.key === "Home") column = 0;
      if (event.key === "End") column = tr.cells.length;
      const [down, right] = step ?? (event.key === "Home" ? [0, 1] : [0, -1]);
      for (;;) {
        row += down; column += right;
        const next = rows[row]?.cells[column];
        if (!next) return;
        const found = next.querySelector("button[data-c]");
        if (found) { move(own, found); return; }
      }
    });
  }
  const move = (own, to) => {
    for (const button of own) button.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  };

  // ---- What lies behind a cell.
  const badge = (verdict) => {
    const glyph = { faithful: "=", defaulted: "+", misparsed: "!", refused: "x", "refused-late": "X", unsupported: ".", undetermined: "?" }[verdict] ?? "#";
    return make("span", { class: "badge" }, make("span", { class: `c ${verdict}`, "aria-hidden": "true" }, glyph), ` ${verdict}`);
  };
  const direction = (cell) => {
    const [from, to] = [data.releases.indexOf(cell.from), data.releases.indexOf(cell.to)];
    return from === to ? "same release" : from < to ? "older to newer" : "newer to older";
  };
  const list = (title, items) => items.length ? [make("h3", {}, title), make("ul", {}, ...items.map((item) => make("li", {}, item)))] : [];
  const bytes = (rows, cell) => {
    const body = rows.map((n) => data.rows[n]).map(([offset, hex, wrote, read, agrees, here]) => make("tr",
      { class: `${agrees ? "" : "parts"} ${here ? "here" : ""}`.trim() },
      make("td", {}, here ? "▶ " : "", String(offset)), make("td", {}, `0x${offset.toString(16)}`), make("td", {}, text(hex)),
      make("td", { "data-of": `${cell.from} wrote` }, text(wrote)),
      make("td", { "data-of": `${cell.to} read` }, (agrees ? "" : "≠ ") + text(read))));
    const head = ["byte", "hex", "bytes", `${cell.from} wrote`, `${cell.to} read`].map((name) => make("th", { scope: "col" }, name));
    return make("div", { class: "scroll", tabindex: "0" }, make("table", { class: "bytes" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body)));
  };
  const machine = (cell) => {
    const { raw } = cell;
    const known = raw.known === undefined ? null : data.known[raw.known];
    const at = (raw.at ?? []).flatMap((rows) => {
      const here = rows.map((n) => data.rows[n]).find((row) => row[5]);
      return [make("h3", {}, here ? `Around byte ${here[0]}` : "Around it"), bytes(rows, cell)];
    });
    const other = data.file === "matrix.toml" ? "" : ` --matrix ${data.file}`;
    const feed = data.feed === "bulk" ? "" : ` --feed ${data.feed}`;
    return [
      make("p", {}, badge(cell.verdict), ` · ${cell.standing} · ${direction(cell)} · ${cell.machine}, ${cell.scenario} · feed ${data.feed}`),
      make("p", {}, text(raw.why)),
      known && make("p", {}, make("strong", {}, "Known: "), `${known[1]} [${known[2]}; ${data.file}, line ${known[0]}]`),
      ...at,
      ...list("Defaults kept", (raw.kept ?? []).map(text)),
      make("h3", {}, "The same at a terminal"),
      make("pre", {}, make("code", {}, `crossload explain ${cell.from}/${cell.machine}.${cell.scenario} ${cell.to}${feed}${other}`)),
    ];
  };
  const device = (cell) => cell.raw[4].map((n) => data.rows[n]).map((row) => {
    const [place, varied, section, machines, verdict, why] = row.map(text);
    const where = [section && `section ${section}`, place && `at ${place}`, varied && `with ${varied}`].filter(Boolean).join(", ");
    return make("section", {}, make("h3", {}, badge(verdict), where ? ` · ${where}` : ""), make("p", {}, why), make("p", { class: "places" }, `On ${machines}`));
  });
  const show = (at) => {
    const cell = cells[at];
    open = at;
    const close = make("button", { type: "button" }, "Close");
    close.addEventListener("click", () => dialog.close());
    const title = matrix ? `${cell.from} into ${cell.to}` : `${cell.device[0]}: ${cell.from} into ${cell.to}`;
    const inside = matrix ? machine(cell) : device(cell);
    dialog.replaceChildren(
      make("div", { class: "top" }, make("h2", { id: "behind-title" }, title), close),
      make("div", { class: "inside" }, ...inside.filter(Boolean)));
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    address();
  };
  dialog.addEventListener("close", () => { open = null; address(); });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-c]");
    if (button) show(Number(button.dataset.c));
  });

  const follow = () => {
    const parts = asked();
    for (const select of form.querySelectorAll("select")) {
      const value = parts.get(select.id) ?? "";
      select.value = [...select.options].some((option) => option.value === value) ? value : "";
    }
    const verdicts = (parts.get("verdict") ?? "").split(",");
    for (const box of form.querySelectorAll("input")) box.checked = verdicts.includes(box.value);
    filter();
    const at = byKey.get(parts.get("cell"));
    if (at !== undefined) show(at);
  };
  // A way down the page leaves the address, and so the filters, as they are.
  for (const way of document.querySelectorAll(".jump a")) {
    way.addEventListener("click", (event) => {
      event.preventDefault();
      document.getElementById(way.hash.slice(1)).scrollIntoView();
    });
  }
  addEventListener("hashchange", follow);
  follow();
})();
