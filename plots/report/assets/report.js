// What can be done with the page: tables are sorted and copied, regions that
// scroll can be focused, charts over time are shown. All of it works without.
(() => {
  "use strict";
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const say = (text) => { document.getElementById("said").textContent = text; };

  // plain is what a cell is sorted by and copied as.
  const plain = (cell) => cell.dataset.v ?? cell.textContent.trim();
  const isNone = (text) => text === "" || text === "–";

  // Numbers begin with the largest. What has no value comes last either way.
  function compare(a, b, numbers, descending) {
    if (isNone(a) || isNone(b)) return isNone(a) - isNone(b);
    const order = numbers ? parseFloat(a) - parseFloat(b) : a.localeCompare(b, "en", { numeric: true });
    return descending ? -order : order;
  }

  function sortBy(table, head, column) {
    const numbers = head.classList.contains("n");
    const before = head.getAttribute("aria-sort");
    const descending = before ? before === "ascending" : numbers;
    for (const other of all("th[aria-sort]", table)) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row) => ({ row, key: plain(row.cells[column]) }));
    rows.sort((a, b) => compare(a.key, b.key, numbers, descending));
    body.append(...rows.map((r) => r.row));
    say(`Sorted by ${head.textContent}, ${descending ? "descending" : "ascending"}.`);
  }

  function makeSortable(table) {
    if (table.tBodies[0].rows.length < 2) return;
    Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sortBy(table, head, column));
      head.append(button);
    });
  }

  // A spreadsheet must take no cell for a formula.
  const safe = (text) => (/^[=+@-]/.test(text) && isNaN(Number(text)) ? "'" + text : text);

  function tsv(table) {
    const heads = Array.from(table.tHead.rows[0].cells, (h) => h.textContent.trim() + (h.dataset.unit ? ` (${h.dataset.unit})` : ""));
    const rows = Array.from(table.tBodies[0].rows, (row) => Array.from(row.cells, (cell) => {
      const text = plain(cell).replace(/[\t\r\n]+/g, " ");
      return isNone(text) ? "" : safe(text);
    }));
    return [heads, ...rows].map((cells) => cells.join("\t") + "\n").join("");
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = document.createElement("textarea");
      area.className = "hidden";
      area.value = text;
      const focused = document.activeElement;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      focused?.focus();
      return done;
    }
  }

  async function copyWith(button, text) {
    const label = button.firstChild;
    const name = label.textContent;
    label.textContent = (await copy(text)) ? "Copied" : "Cannot copy: select it instead";
    say(label.textContent);
    setTimeout(() => { label.textContent = name; }, 2000);
  }

  // Only what scrolls is a stop of the tabulator key.
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const scrolls = target.scrollWidth > target.clientWidth + 1 || target.scrollHeight > target.clientHeight + 1;
      if (scrolls || document.activeElement === target) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });

  // enliven makes what stands in a part of the page usable. Rows of a table that changes are
  // not sorted.
  window.enliven = (root) => {
    for (const table of all(".data table", root)) if (!table.closest("#watched")) makeSortable(table);
    for (const button of all("[data-copy-table]", root)) {
      button.addEventListener("click", () => copyWith(button, tsv(document.getElementById(button.dataset.copyTable))));
    }
    for (const button of all("[data-copy]", root)) {
      button.addEventListener("click", () => copyWith(button, document.getElementById(button.dataset.copy).textContent));
    }
    for (const part of all(".tools[hidden], .explorer[hidden]", root)) part.hidden = false;
    for (const region of all(".scroll, pre[tabindex]", root)) watch.observe(region);
  };
  enliven(document.body);
  if (!document.getElementById("watched")) for (const section of all(".explorer")) explore(section);
})();
