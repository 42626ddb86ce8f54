// Selects rows of a list: the box in the head selects all of the page, and the number chosen is said.
customElements.define("ls-select", class extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", (event) => {
      if (event.target.matches("[data-all]")) this.boxes().forEach((box) => { box.checked = event.target.checked; });
      this.count();
    });
    this.count();
  }

  boxes() {
    return [...this.querySelectorAll("input[type=checkbox][data-one]")];
  }

  count() {
    const boxes = this.boxes();
    const chosen = boxes.filter((box) => box.checked).length;
    const all = this.querySelector("[data-all]");
    if (all) {
      all.checked = chosen > 0 && chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    }
    this.querySelectorAll("[data-count]").forEach((part) => { part.textContent = String(chosen); });
    this.querySelectorAll("[data-needs]").forEach((part) => { part.disabled = !chosen; });
  }
});
