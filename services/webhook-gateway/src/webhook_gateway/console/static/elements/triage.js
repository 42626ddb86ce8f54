// Decides on rows by keys: the button with that key in the row with the focus, or of the page.
customElements.define("ls-triage", class extends HTMLElement {
  connectedCallback() {
    this.onKey = (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest?.("input, select, textarea, dialog")) return;
      const row = document.activeElement?.closest?.("[data-row]");
      const key = CSS.escape(event.key);
      const button = row?.querySelector(`[data-key="${key}"]`) || document.querySelector(`main .note [data-key="${key}"]`);
      if (!button) return;
      event.preventDefault();
      button.click();
      button.closest("details")?.querySelector("input")?.focus();
    };
    addEventListener("keydown", this.onKey);
  }

  disconnectedCallback() {
    removeEventListener("keydown", this.onKey);
  }
});
