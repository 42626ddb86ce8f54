// Keys: g and a letter go to a section, j and k move in a list, o opens, x selects, z switches the time zone, ? explains.
(() => {
  const help = [
    ["Ctrl K or /", "Find or go to"], ["g o, g e, g w …", "Go to a section"], ["j, k", "Next, previous row"],
    ["o or Enter", "Open the row"], ["x", "Select the row"], ["z", "Local time or UTC"], ["?", "This list"], ["Esc", "Close"],
  ];
  let waiting = 0;

  function typing(target) {
    return target.closest?.("input, select, textarea, [contenteditable], dialog") !== null;
  }

  function rows() {
    return [...document.querySelectorAll("main [data-row]")];
  }

  function move(step) {
    const all = rows();
    if (!all.length) return;
    const here = all.indexOf(document.activeElement?.closest?.("[data-row]"));
    const next = all[Math.min(all.length - 1, Math.max(0, here < 0 ? 0 : here + step))];
    (next.querySelector("a[data-open]") || next).focus();
    next.scrollIntoView({ block: "nearest" });
  }

  function explain() {
    let dialog = document.querySelector("dialog.help");
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.className = "help";
      dialog.setAttribute("aria-label", "Keys");
      const list = document.createElement("dl");
      list.className = "facts keys";
      for (const [key, what] of help) {
        const term = document.createElement("dt");
        const text = document.createElement("dd");
        term.textContent = key;
        text.textContent = what;
        list.append(term, text);
      }
      dialog.append(list);
      document.body.append(dialog);
    }
    dialog.showModal();
  }

  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const now = Date.now();
    if (now - waiting < 1200) {
      waiting = 0;
      const link = document.querySelector(`.nav a[data-key="${CSS.escape(event.key)}"]`);
      if (link) {
        event.preventDefault();
        location.assign(link.href);
      }
      return;
    }
    const does = {
      g: () => { waiting = now; },
      j: () => move(1),
      k: () => move(-1),
      o: () => document.activeElement?.closest?.("[data-row]")?.querySelector("a[data-open]")?.click(),
      x: () => document.activeElement?.closest?.("[data-row]")?.querySelector("input[type=checkbox]")?.click(),
      z: () => document.querySelector("ls-zone a")?.click(),
      "?": explain,
    }[event.key];
    if (does) {
      event.preventDefault();
      does();
    }
  });
})();
