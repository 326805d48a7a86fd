// Runs before the page is displayed: data for scripts, and the theme.
window.jhdata = JSON.parse(document.getElementById("jhdata").textContent);
{
  const theme = /(?:^|; )hub-theme=(dark|light)(?:;|$)/.exec(document.cookie)?.[1];
  if (theme) document.documentElement.dataset.theme = theme;
}
