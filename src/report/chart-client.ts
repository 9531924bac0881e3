import { createRequire } from 'node:module';
import type { Chart } from './chart.ts';

/**
 * A container may have no fonts at all: these two come with the installation. Not every font will do: Inter draws the x of a pod's
 * name between two digits as a sign of multiplication, and cannot be told not to.
 */
const fontFiles = ['400Regular/IBMPlexSans_400Regular.ttf', '600SemiBold/IBMPlexSans_600SemiBold.ttf'];

/** Draws a chart as PNG, on another thread. What draws is loaded with the first picture, not at the start. */
export async function drawChart(chart: Chart): Promise<Uint8Array> {
  const [{ renderAsync }, { chartFont, chartSvg }] = await Promise.all([
    import('@resvg/resvg-js'),
    import('./chart-svg.ts'),
  ]);
  const require = createRequire(import.meta.url);
  const image = await renderAsync(chartSvg(chart), {
    font: {
      fontFiles: fontFiles.map((file) => require.resolve(`@expo-google-fonts/ibm-plex-sans/${file}`)),
      loadSystemFonts: false,
      defaultFontFamily: chartFont,
    },
  });
  return image.asPng();
}
