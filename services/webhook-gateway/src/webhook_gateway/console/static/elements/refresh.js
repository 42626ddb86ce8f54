// Loads the page again while something goes on: only its content is replaced, so the focus and the scroll stay.
customElements.define("ls-refresh", class extends HTMLElement {
  connectedCallback() {
    this.timer = setInterval(() => this.load(), 1000 * Number(this.getAttribute("seconds") || 5));
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  async load() {
    if (document.hidden || this.busy || document.querySelector("dialog[open]")) return;
    this.busy = true;
    try {
      await htmx.ajax("GET", location.href, { target: "#content", select: "#content", swap: "outerMorph" });
    } finally {
      this.busy = false;
    }
  }
});
