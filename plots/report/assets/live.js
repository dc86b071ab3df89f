// The live page: what the server sends takes the place of what is there, in the same
// elements where they are alike, so that nothing that has the focus goes away.
(() => {
  "use strict";
  const watched = document.getElementById("watched"), pause = document.getElementById("pause"), state = document.getElementById("state"), what = state.dataset.what;
  let updates = new Map(); // by the explorer's section
  let latest = null, paused = false, ended = false;
  const say = (text) => { if (state.textContent !== text) state.textContent = text; };

  function begin(part) {
    enliven(part);
    if (part.matches(".explorer")) {
      part.hidden = false;
      updates = new Map([[part, explore(part)]]);
    }
  }

  // alike makes an element say what another one says; false: they are not of one shape. A table may
  // have other rows than before.
  function alike(one, other) {
    if (one.nodeType !== other.nodeType || one.nodeName !== other.nodeName) return false;
    if (one.nodeName === "TBODY") {
      while (one.rows.length > other.rows.length) one.rows[one.rows.length - 1].remove();
      for (let i = one.rows.length; i < other.rows.length; i++) one.append(other.rows[i].cloneNode(true));
      return Array.from(one.rows).every((row, i) => alike(row, other.rows[i]));
    }
    if (one.childNodes.length !== other.childNodes.length) return false;
    if (one.nodeType !== Node.ELEMENT_NODE) {
      if (one.data !== other.data) one.data = other.data;
      return true;
    }
    for (const name of ["class", "value", "data-v"]) {
      const value = other.getAttribute(name);
      if (value === null && one.matches("td, th")) one.removeAttribute(name);
      else if (value !== null && value !== one.getAttribute(name)) one.setAttribute(name, value);
    }
    return Array.from(one.childNodes).every((child, i) => alike(child, other.childNodes[i]));
  }

  function draw(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    const parts = Array.from(template.content.children);
    for (const part of Array.from(watched.children)) if (!parts.some((p) => p.id === part.id)) part.remove();
    let after = null;
    for (const part of parts) {
      let here = watched.querySelector(`:scope > #${CSS.escape(part.id)}`);
      if (here && (updates.has(here) ? updates.get(here)(part) : alike(here, part))) {
        after = here;
        continue;
      }
      here?.remove();
      if (after) after.after(part);
      else watched.prepend(part);
      begin(part);
      after = part;
    }
  }

  function show() {
    if (paused || latest === null) return;
    draw(latest);
    latest = null;
  }

  // finish asks for the page again, which is the report now.
  function finish() {
    if (paused) {
      pause.textContent = "Show the report";
      say(`The ${what} has ended.`);
    } else location.reload();
  }

  pause.addEventListener("click", () => {
    if (ended) return location.reload();
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    say(paused ? `Paused: the ${what} goes on.` : "Live.");
    show();
  });

  const source = new EventSource("events" + location.search);
  source.addEventListener("open", () => say(paused ? `Paused: the ${what} goes on.` : "Live."));
  source.addEventListener("view", (event) => {
    latest = JSON.parse(event.data);
    show();
  });
  source.addEventListener("end", () => {
    source.close();
    ended = true;
    finish();
  });
  source.addEventListener("error", () => {
    source.close();
    say("quotalab has ended: this is what was known last.");
    pause.hidden = true;
  });
  pause.hidden = false;
  for (const part of Array.from(watched.children)) begin(part);
})();
