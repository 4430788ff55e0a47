// Text of strangers that shows what is in it.

/** Characters that turn the direction of what follows: shown by their numbers, lest a line reads as what it is not. */
const TURNING = /([\u202A-\u202E\u2066-\u2069])/;

/** The name of a file or folder, apart from what stands beside it: its ending is what it seems to be. */
export const FileName = ({ name }: { name: string }) => (
  <bdi>
    <PlainText text={name} />
  </bdi>
);

/** A line of a file. */
export const PlainText = ({ text }: { text: string }) => (
  <>
    {text
      .split(TURNING)
      .map((part) =>
        TURNING.test(part) ? <span class="turning">U+{part.charCodeAt(0).toString(16).toUpperCase()}</span> : part,
      )}
  </>
);
