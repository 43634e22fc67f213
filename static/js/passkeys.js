// Makes a passkey, or uses one, and sends it with the form around the button. Without scripts the form stays hidden.
const form = document.getElementById("passkey-form");
const options = JSON.parse(document.getElementById("passkey-options").textContent);
const isNew = form.dataset.passkey === "create";
const failed = document.getElementById("passkey-failed");

const ask = async () => {
  failed.hidden = true;
  try {
    const credential = isNew
      ? await navigator.credentials.create({publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options)})
      : await navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options)});
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch { // the person canceled, or the browser can't
    failed.hidden = false;
  }
};

if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
}
