// Switches between light and dark, and remembers it for the console's pages.
customElements.define("ls-theme", class extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", () => {
      const root = document.documentElement;
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      document.cookie = `leadsync_theme=${root.dataset.theme}; path=/ui; max-age=31536000; samesite=lax`;
    });
  }
});
