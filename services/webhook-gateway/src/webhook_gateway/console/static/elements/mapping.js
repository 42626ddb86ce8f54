// The mapping editor: finds rows, fills in suggestions, and shows what a change of the value needs.
customElements.define("ls-mapping", class extends HTMLElement {
  connectedCallback() {
    this.addEventListener("input", (event) => {
      if (event.target.matches("[data-find]")) this.find(event.target.value.trim().toLowerCase());
    });
    this.addEventListener("change", (event) => {
      if (!event.target.matches("[data-transform]")) return;
      const cell = event.target.closest("td");
      cell.querySelector("[name=region]").hidden = event.target.value !== "phone_e164";
      cell.querySelector("[name=options]").hidden = event.target.value !== "options";
    });
    this.addEventListener("click", (event) => {
      const button = event.target.closest("[data-suggest]");
      if (!button) return;
      const input = button.closest("td").querySelector("[name=property]");
      input.value = button.dataset.suggest;
      button.remove();
      input.focus();
    });
  }

  find(text) {
    this.querySelectorAll("tbody tr").forEach((row) => {
      const said = `${row.querySelector("th").textContent} ${row.querySelector("[name=property]").value}`.toLowerCase();
      row.hidden = !said.includes(text);
    });
  }
});
