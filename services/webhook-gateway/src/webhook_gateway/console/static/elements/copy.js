// Copies a text, and says so.
customElements.define("ls-copy", class extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", async (event) => {
      const button = event.target.closest("button");
      if (!button || this.busy) return;
      const before = button.textContent;
      this.busy = true;
      try {
        await navigator.clipboard.writeText(this.getAttribute("text"));
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not copied";
      }
      setTimeout(() => {
        button.textContent = before;
        this.busy = false;
      }, 1500);
    });
  }
});
