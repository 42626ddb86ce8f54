// Shows moments in the time zone of the page: the viewer's own, or that of `tz` in the address. "3 min ago" stays true.
(() => {
  const zone = new URLSearchParams(location.search).get("tz") || undefined;
  let exact;
  try {
    exact = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium", timeZone: zone });
  } catch {
    exact = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });
  }
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

  function span(seconds) {
    const parts = [];
    let left = Math.round(seconds);
    for (const [unit, size] of units) {
      const count = Math.floor(left / size);
      left -= count * size;
      if (count || (unit === "s" && !parts.length)) parts.push(`${count} ${unit}`);
    }
    return parts.slice(0, 2).join(" ");
  }

  class Time extends HTMLElement {
    connectedCallback() {
      this.draw();
      Time.shown.add(this);
    }

    disconnectedCallback() {
      Time.shown.delete(this);
    }

    draw() {
      const at = new Date(this.getAttribute("datetime"));
      const time = this.querySelector("time");
      if (!time || Number.isNaN(at.getTime())) return;
      const passed = (Date.now() - at.getTime()) / 1000;
      const full = `${exact.format(at)} ${zone || Intl.DateTimeFormat().resolvedOptions().timeZone}`;
      const near = Math.abs(passed) < 86400;
      time.textContent = !near ? exact.format(at) : passed < -1 ? `in ${span(-passed)}` : `${span(Math.max(0, passed))} ago`;
      time.title = full;
    }
  }
  Time.shown = new Set();
  customElements.define("ls-time", Time);
  setInterval(() => document.hidden || Time.shown.forEach((one) => one.draw()), 5000);
})();
