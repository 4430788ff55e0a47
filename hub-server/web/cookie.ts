// The name of the session cookie, known to the app and the pages.
export const SESSION_COOKIE = "abrazo_session";
