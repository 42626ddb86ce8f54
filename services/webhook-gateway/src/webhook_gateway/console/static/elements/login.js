// Sends the code of a one-time link by itself. A preview of the link runs no script, so it does not use the code up.
customElements.define("ls-login", class extends HTMLElement {
  connectedCallback() {
    history.replaceState(null, "", location.pathname);
    this.querySelector("form").requestSubmit();
  }
});
