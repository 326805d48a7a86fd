// Actions of the administration console. Listeners are on the document, because the page may be updated in place.
