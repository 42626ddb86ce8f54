// The command palette: an e-mail, an id of a record, lead, delivery or run, or a section.
customElements.define("ls-palette", class extends HTMLElement {
  connectedCallback() {
    this.querySelector("button").addEventListener("click", () => this.open());
    this.onKey = (event) => {
      const slash = event.key === "/" && !event.target.closest?.("input, select, textarea, dialog");
      if (((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") || slash) {
        event.preventDefault();
        this.open();
      }
    };
    addEventListener("keydown", this.onKey);
  }

  disconnectedCallback() {
    removeEventListener("keydown", this.onKey);
  }

  build() {
    const dialog = document.createElement("dialog");
    dialog.className = "palette";
    dialog.setAttribute("aria-label", "Find or go to");
    const input = document.createElement("input");
    input.type = "text";
    input.placeholder = "An e-mail, an id, or a section";
    input.autocomplete = "off";
    input.spellcheck = false;
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-label", "An e-mail, an id, or a section");
    input.setAttribute("aria-expanded", "true");
    input.setAttribute("aria-controls", "palette-list");
    const list = document.createElement("ul");
    list.id = "palette-list";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Where to go");
    const foot = document.createElement("footer");
    foot.textContent = "↑ ↓ choose · Enter go · Esc close";
    dialog.append(input, list, foot);
    document.body.append(dialog);
    input.addEventListener("input", () => this.fill());
    input.addEventListener("keydown", (event) => this.key(event));
    list.addEventListener("click", (event) => this.go(event.target.closest("[role=option]")));
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    Object.assign(this, { dialog, input, list });
  }

  open() {
    if (!this.dialog) this.build();
    if (this.dialog.open) return;
    this.input.value = "";
    this.fill();
    this.dialog.showModal();
    this.input.focus();
  }

  choices(text) {
    const tz = new URLSearchParams(location.search).get("tz");
    const at = (path, more) => `${path}?${new URLSearchParams({ ...more, ...(tz ? { tz } : {}) })}`;
    const sections = [...document.querySelectorAll(".shell > .side .nav a")].map((a) => [a.textContent.trim(), a.href]);
    const fitting = sections.filter(([name]) => name.toLowerCase().includes(text.toLowerCase()));
    return text ? [[`Find “${text}”`, at("/ui/find", { q: text })], ...fitting] : fitting;
  }

  fill() {
    const found = this.choices(this.input.value.trim());
    this.list.replaceChildren(...found.map(([name, href], index) => {
      const item = document.createElement("li");
      item.id = `palette-${index}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", String(index === 0));
      item.dataset.href = href;
      item.textContent = name;
      return item;
    }));
    this.mark(0);
  }

  mark(index) {
    const all = [...this.list.children];
    this.at = Math.max(0, Math.min(all.length - 1, index));
    all.forEach((item, place) => item.setAttribute("aria-selected", String(place === this.at)));
    this.input.setAttribute("aria-activedescendant", all.length ? all[this.at].id : "");
    all[this.at]?.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      this.mark(this.at + step);
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.go(this.list.children[this.at]);
    }
  }

  go(item) {
    if (item) location.assign(item.dataset.href);
  }
});
